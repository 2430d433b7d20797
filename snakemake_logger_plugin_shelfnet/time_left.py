"""Estimate of the time that a run of the workflow still takes."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TYPICAL_SECONDS = {
    "stage_dataset": 11,
    "build_catalogue": 8,
    "render_views": 18,
    "sample_surfaces": 6,
    "discover_views": 80,
    "evaluate_baselines": 100,
    "measure_memory": 30,
    "train_clip": 155,
    "warm_start": 55,
    "train": 105,
    "reconstruct": 8,
    "refine": 17,
    "evaluate": 29,
    "collect_rows": 1,
    "draw_figures": 16,
    "draw_reconstructions": 16,
}
"""Seconds per job of the embedded default on two CPU cores. Their ratios matter: a run measures its own pace."""

OTHER_SECONDS = 10
"""Seconds of a job of any other rule."""

TRUST_S = 60.0
"""Seconds of typical work after which the measured pace counts as much as the typical one."""


@dataclass(frozen=True)
class RunningJob:
    """A job that runs.

    Attributes:
        rule: Its rule.
        started_s: Reading of the clock at its start.
    """

    rule: str
    started_s: float


class TimeLeft:
    """Counts jobs, and estimates the time left from their typical lengths and the pace so far.

    Args:
        jobs_per_rule: Number of jobs of each rule that are to run.
        clock: Seconds since any moment.
    """

    def __init__(self, jobs_per_rule: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.unfinished = Counter(jobs_per_rule)
        self.total = self.unfinished.total()
        self.total_typical_s = self._typical_s()
        self.running: dict[int, RunningJob] = {}
        self.finished = 0
        self.finished_s = 0.0
        self.started_s = clock()

    def start(self, job: int, rule: str) -> None:
        """A job starts."""
        self.running[job] = RunningJob(rule, self.clock())

    def finish(self, job: int) -> None:
        """A job has finished; unknown ones are ignored."""
        if job not in self.running:
            return
        ended = self.running.pop(job)
        self.unfinished[ended.rule] -= 1
        self.finished += 1
        self.finished_s += self.clock() - ended.started_s

    def fail(self, job: int) -> None:
        """A job has failed: it runs no longer, and remains to be done."""
        self.running.pop(job, None)

    @property
    def fraction(self) -> float:
        """Finished part of the work, by typical lengths."""
        return 1.0 - self._typical_s() / self.total_typical_s if self.total_typical_s else 1.0

    @property
    def seconds(self) -> float | None:
        """Estimated seconds left; ``None`` before any job has finished."""
        if not self.finished:
            return None
        now, left = self.clock(), self._typical_s()
        pace = (self.finished_s + TRUST_S) / (self.total_typical_s - left + TRUST_S)
        spent = [(now - job.started_s, pace * _typical(job.rule)) for job in self.running.values()]
        remaining = pace * left - sum(min(elapsed, expected) for elapsed, expected in spent)
        at_once = (self.finished_s + sum(elapsed for elapsed, _ in spent)) / max(now - self.started_s, 1.0)
        return remaining / max(at_once, 1.0)

    def _typical_s(self) -> float:
        return sum(count * _typical(rule) for rule, count in self.unfinished.items())


def _typical(rule: str) -> float:
    return TYPICAL_SECONDS.get(rule, OTHER_SECONDS)
