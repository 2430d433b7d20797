"""Mirror the journal to MLflow; manually with ``python -m shelfnet.steps.mirror_tracking``."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from shelfnet.config.load import load_config
from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.mirror import MirrorReport, mirror

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
    log.info(
        "MLflow: %d runs, %d metric values, %d artifacts written; %d events pending",
        report.runs,
        report.metrics,
        report.artifacts,
        report.pending,
    )
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Mirror from the command line; returns 1 if events remain pending."""
    parser = argparse.ArgumentParser(description="Send new journal events to MLflow.")
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        help="YAML files; later ones override earlier ones",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results with the journal")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = load_config(*options.config).tracking
    report = mirror_tracking(settings=settings, journals=options.results / "journal", results=options.results)
    return 1 if report.pending else 0


if __name__ == "__main__":
    raise SystemExit(main())
