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
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.pending import known_states, plan_runs

WRITER = "shelfnet.tracking.mlflow_writer"

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
        problem = _without_password((child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1])
    log.warning("MLflow at %s: %s; %d events stay in the journal", _without_password(settings.uri), problem, pending)
    return MirrorReport(pending=pending, problem=problem)


def _count_pending(journals: Path, settings: TrackingSettings) -> int:
    return sum(len(plan.events) for plan in plan_runs(journals, known_states(journals, settings)))


def _without_password(text: str) -> str:
    """The text without the user part of any URI in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)
