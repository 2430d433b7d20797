"""Time limit of a Slurm job: a training saves its progress shortly before the limit and requeues its job."""

import logging
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime

log = logging.getLogger(__name__)

MARGIN_S = 300.0
"""Time before the limit at which a training saves; at most a tenth of the job's time."""

COMMENT = "rule_train_wildcards_"
"""Beginning of the comment that Snakemake gives to the Slurm jobs of trainings. Other jobs are never requeued."""

KILL_S = 180.0
"""Time within which Slurm ends a job that is requeued."""

COMMAND_TIMEOUT_S = 60.0


class WalltimeError(RuntimeError):
    """The time of the job is up, and Slurm does not requeue it; progress is saved."""


@dataclass(frozen=True)
class Walltime:
    """Time limit of the Slurm job that this process belongs to.

    Attributes:
        job: Id of the job.
        save_s: Time at which to save, in seconds since the epoch.
    """

    job: str
    save_s: float

    def is_up(self) -> bool:
        """Whether it is time to save and to requeue the job."""
        return time.time() >= self.save_s

    def requeue(self) -> None:
        """Ask Slurm to run the job again from its beginning, and wait to be ended.

        Raises:
            WalltimeError: Slurm refuses, or does not end the job.
        """
        log.info("Slurm job %s: its time is nearly up; progress is saved, and the job is requeued", self.job)
        answer = _slurm("scontrol", "requeue", self.job)
        if answer is None:
            raise WalltimeError(f"the time of Slurm job {self.job} is nearly up, and it cannot be requeued")
        time.sleep(KILL_S)
        raise WalltimeError(f"Slurm job {self.job} was requeued and not ended")


def find_walltime() -> Walltime | None:
    """The limit of the present job; ``None`` outside a Slurm job of a training, and without a limit."""
    job = os.environ.get("SLURM_JOB_ID")
    answer = job and _slurm("squeue", "--noheader", f"--jobs={job}", "--format=%e|%k")
    if not job or not answer:
        return None
    end, _, comment = answer.strip().partition("|")
    try:
        end_s = datetime.fromisoformat(end).timestamp()
    except ValueError:  # the job has no limit
        return None
    now = time.time()
    return Walltime(job, end_s - min(MARGIN_S, (end_s - now) / 10.0)) if comment.startswith(COMMENT) else None


def _slurm(*command: str) -> str | None:
    """Output of a Slurm command; ``None`` where it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("%s: %s", " ".join(command), (getattr(error, "stderr", None) or str(error)).strip())
        return None
    return done.stdout
