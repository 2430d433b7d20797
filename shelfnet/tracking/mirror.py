"""MLflow, the mirror of the local journal.

:func:`mirror` may be called at any time, by several processes, and again: it tells MLflow what it does not know yet.
One experiment holds one MLflow run for each run name of the journal. MLflow being away, slow or not installed costs a
warning; the next call catches up. The writing happens in a child process (``mlflow_writer.py``).
"""

import json
import logging
import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.pending import known_states, plan_runs

WRITER = "shelfnet.tracking.mlflow_writer"
MANUALLY = "python -m shelfnet.steps.mirror_tracking"
MAX_CHARACTERS = 600
"""Length of the problem of a report."""
_LAST_FRAME = re.compile(r'.*^  File "[^\n]*\n(    [^\n]*\n)*', re.DOTALL | re.MULTILINE)
"""Everything up to the message of the last exception of a traceback."""
_APPENDED = ("[SQL:", "[parameters:", "(Background on this error at:")
"""Lines that SQLAlchemy adds below the message of the data base."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MirrorReport:
    """What one call did.

    Attributes:
        runs: MLflow runs that were created or added to.
        metrics: metric values written.
        artifacts: files and folders copied.
        pending: journal events that MLflow does not know yet.
        problem: why events are pending; empty where none is.
    """

    runs: int = 0
    metrics: int = 0
    artifacts: int = 0
    pending: int = 0
    problem: str = ""


def mirror(journals: Path, settings: TrackingSettings, results: Path) -> MirrorReport:
    """Tell MLflow everything the journals say and it does not know yet; never raises for MLflow's sake.

    Args:
        journals: folder of ``*.jsonl``; the state file and the lock live there too.
        settings: tracking server, experiment, and how long to wait without progress.
        results: artifacts go to ``mlartifacts`` in it, unless a tracking server keeps its own.
    """
    if not _count_pending(journals, settings):
        return MirrorReport()
    request = {"journals": str(journals), "settings": settings.model_dump(mode="json"), "results": str(results)}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
    http = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(math.ceil(settings.timeout_s)),
    }
    child = subprocess.run(
        [sys.executable, "-m", WRITER],
        input=json.dumps(request),
        env=os.environ | quiet | http,
        capture_output=True,
        text=True,
        check=False,
    )
    return _judge(child, _count_pending(journals, settings), settings)


def _judge(child: subprocess.CompletedProcess[str], pending: int, settings: TrackingSettings) -> MirrorReport:
    if child.returncode == 0:
        done = json.loads(child.stdout.splitlines()[-1])
        for problem in done["problems"]:
            log.warning("mirror: %s", problem)
        return MirrorReport(**done["counts"], pending=pending, problem="; ".join(done["problems"]) if pending else "")
    if child.returncode == -signal.SIGALRM:
        problem = f"no progress within {settings.timeout_s:g} s"
    else:
        problem = _without_password(_cause(child, settings))
    log.warning(
        "MLflow at %s: %s; %d events stay in the journal: the next run sends them, or %s",
        _without_password(settings.uri),
        problem,
        pending,
        MANUALLY,
    )
    return MirrorReport(pending=pending, problem=problem)


def _cause(child: subprocess.CompletedProcess[str], settings: TrackingSettings) -> str:
    """One line on why the child failed: its exception without SQL statements and web addresses that follow it."""
    after_frames = _LAST_FRAME.sub("", child.stderr)
    message = takewhile(lambda line: not line.startswith(_APPENDED), after_frames.splitlines())
    cause = " ".join(" ".join(message).split())[:MAX_CHARACTERS] or f"exit status {child.returncode}"
    if "database is locked" not in cause:
        return cause
    return f"{settings.uri.removeprefix('sqlite:///')} is locked by another process that writes to it ({cause})"


def _count_pending(journals: Path, settings: TrackingSettings) -> int:
    return sum(len(plan.events) for plan in plan_runs(journals, known_states(journals, settings)))


def _without_password(text: str) -> str:
    """The text without the user part of any URI in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)
