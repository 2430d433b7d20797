"""Copies the local journals to MLflow.

A :class:`Mirror` writes the events that MLflow does not have yet. It can be called at any time and repeatedly, and
several mirrors of the same journals can run at once. One experiment holds one MLflow run for each run name of the
journals. If MLflow is away, slow or not installed, a warning is logged, and a later call catches up. A child process
writes (``mlflow_writer.py``).
"""

import logging
import re
from functools import partial
from itertools import takewhile
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.isolation import IsolatedWorker, WorkerFailedError
from shelfnet.tracking.job_status import mark_killed
from shelfnet.tracking.mlflow_writer import MirrorReport, MlflowWriter
from shelfnet.tracking.pending import StateFile, database_file, plan_runs

MANUALLY = "python -m shelfnet.steps.mirror_tracking"
MAX_CHARACTERS = 600
"""Length of the cause of a failure."""
DAY_S = 86_400.0
"""Time limit of one call; the writer ends by itself after ``timeout_s`` without progress."""
_APPENDED = ("[SQL:", "[parameters:", "(Background on this error at:")
"""Lines that SQLAlchemy adds below the message of the database."""
CAUSES = {
    "database is locked": "{file} is locked by another process that writes to it",
    "disk is full": "the disk of {file} is full",
    "out-of-date database schema": "{file} is of another version of MLflow: mlflow db upgrade {uri}, or delete it",
    "Can't locate revision": "{file} is of a newer version of MLflow",
    "SIGALRM": "no progress within {timeout:g} s",
    "timed out after": "no progress within {timeout:g} s",
}

log = logging.getLogger(__name__)


class Mirror:
    """Keeps MLflow up to date with a folder of journals; never raises for MLflow's sake.

    Args:
        journals: folder of ``*.jsonl`` and ``*.status``; the state file and the lock live there too.
        settings: tracking server, experiment, and how long to wait without progress.
        results: artifacts go to ``mlartifacts`` in it, unless a tracking server keeps its own.
        monitor: whether to record system metrics of trainings that run on this machine.
    """

    def __init__(self, journals: Path, settings: TrackingSettings, results: Path, *, monitor: bool = False) -> None:
        self.journals, self.settings = journals, settings
        make = partial(MlflowWriter, journals, settings, results, monitor=monitor)
        self._worker: IsolatedWorker[None, MirrorReport] = IsolatedWorker(make, timeout_s=DAY_S)
        self._told: object = None
        self._warned = ""

    def catch_up(self) -> MirrorReport:
        """Tell MLflow everything that the journals say and it does not know yet."""
        mark_killed(self.journals)
        present = self._fingerprint()
        if present == self._told or not (pending := self._count_pending()):
            return MirrorReport()
        try:
            report = self._worker.run(None)
        except Exception as error:
            report = MirrorReport(pending=pending, problems=[self._cause(error)])
        self._told = None if report.pending else present
        self._warn(report)
        return report

    def close(self) -> None:
        """End the child process."""
        self._worker.close()

    def _fingerprint(self) -> object:
        """Equal as long as no journal and no status has changed."""
        files = [path for pattern in ("*.jsonl", "*.status") for path in self.journals.glob(pattern)]
        return {(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    def _count_pending(self) -> int:
        return len(plan_runs(self.journals, StateFile(self.journals, self.settings).states))

    def _warn(self, report: MirrorReport) -> None:
        """Say once what is wrong, instead of at every call."""
        text = "; ".join(report.problems)
        if text == self._warned:
            return
        self._warned = text
        if report.pending:
            uri = _without_password(self.settings.uri)
            text = f"{uri}: {text}; {report.pending} runs wait in the journals: the next run sends them, or {MANUALLY}"
        if text:
            log.warning("MLflow: %s", text)

    def _cause(self, error: Exception) -> str:
        """One line on why the child failed, without SQL statements and web addresses that follow it."""
        message = takewhile(lambda line: not line.startswith(_APPENDED), str(error).splitlines())
        cause = _without_password(" ".join(" ".join(message).split()))[:MAX_CHARACTERS] or type(error).__name__
        file = database_file(self.settings) or self.settings.uri
        for sign, text in CAUSES.items():
            if sign in str(error):
                return text.format(file=file, uri=self.settings.uri, timeout=self.settings.timeout_s)
        return cause if isinstance(error, WorkerFailedError) else f"{type(error).__name__}: {cause}"


def mirror(journals: Path, settings: TrackingSettings, results: Path) -> MirrorReport:
    """Tell MLflow once what it does not know yet; see :class:`Mirror` for the arguments."""
    once = Mirror(journals, settings, results)
    try:
        return once.catch_up()
    finally:
        once.close()


def _without_password(text: str) -> str:
    """The text without the user part of any URI in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)
