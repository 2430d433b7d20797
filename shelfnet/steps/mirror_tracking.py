"""Mirror the journal to MLflow; manually with ``python -m shelfnet.steps.mirror_tracking``."""

import argparse
import logging
import os
import select
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from shelfnet.config.load import load_config
from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.job_status import RUNNING, job_statuses
from shelfnet.tracking.mirror import Mirror, MirrorReport, mirror

INTERVAL_S = 10.0
"""Interval between looks at the journals while a run is followed."""

log = logging.getLogger(__name__)


def mirror_tracking(*, settings: TrackingSettings, journals: Path, results: Path) -> MirrorReport:
    """Send new journal events to MLflow. An unreachable server causes a warning, not an error.

    Args:
        settings: Tracking server and experiment. Nothing happens unless ``enabled``.
        journals: Folder of ``*.jsonl`` files.
        results: Parent folder of ``mlartifacts``.
    """
    if not settings.enabled:
        return MirrorReport()
    report = mirror(journals, settings, results)
    _log_counts(report)
    return report


def follow_tracking(
    *, settings: TrackingSettings, journals: Path, results: Path, end: IO[str], interval_s: float = INTERVAL_S
) -> MirrorReport:
    """Send new journal events to MLflow while a run goes on, and the rest when it ends.

    Jobs that outlive the process that started them are followed to their end.

    Args:
        settings: Tracking server and experiment.
        journals: Folder of ``*.jsonl`` files.
        results: Parent folder of ``mlartifacts``.
        end: Pipe that the run holds open; its end is the end of the run, however it comes.
        interval_s: Interval between looks at the journals.

    Returns:
        Sums over the run.
    """
    total, parent, ended = MirrorReport(), os.getppid(), False
    with closing(Mirror(journals, settings, results, monitor=True)) as following:
        while not ended or (os.getppid() != parent and any(job.status == RUNNING for job in job_statuses(journals))):
            if ended:
                time.sleep(interval_s)
            ended = bool(select.select([end], [], [], interval_s)[0])
            report = following.catch_up()
            for name in ("runs", "metrics", "artifacts"):
                setattr(total, name, getattr(total, name) + getattr(report, name))
            total.pending, total.problems = report.pending, report.problems
    _log_counts(total)
    return total


def _log_counts(report: MirrorReport) -> None:
    message = "MLflow: %d metric values and %d artifacts written; %d runs pending"
    log.info(message, report.metrics, report.artifacts, report.pending)


def main(arguments: Sequence[str] | None = None) -> int:
    """Mirror from the command line; returns 1 if events remain pending."""
    parser = argparse.ArgumentParser(description="Send new journal events to MLflow.")
    files = "YAML files; later ones override earlier ones"
    parser.add_argument("--config", type=Path, nargs="+", default=[Path("config.yaml")], help=files)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results with the journal")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = load_config(*options.config).tracking
    report = mirror_tracking(settings=settings, journals=options.results / "journal", results=options.results)
    return 1 if report.pending else 0


if __name__ == "__main__":
    raise SystemExit(main())
