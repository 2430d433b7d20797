"""Mirror the journal into MLflow; ``python -m shelfnet.steps.mirror_tracking`` does it by hand."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from shelfnet.config.load import load_config
from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.mirror import MirrorReport, mirror

log = logging.getLogger(__name__)


def mirror_tracking(*, settings: TrackingSettings, journals: Path, results: Path) -> MirrorReport:
    """Tell MLflow what it does not know yet; a warning, never an error, where it is away.

    Args:
        settings: tracking server and experiment; nothing happens unless ``enabled``.
        journals: folder of ``*.jsonl``.
        results: parent of ``mlartifacts``.
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
    """Mirror from the command line; the exit status is 1 where events stay pending."""
    parser = argparse.ArgumentParser(description="Tell MLflow what the journal says and it does not know yet.")
    parser.add_argument("--config", type=Path, nargs="+", default=[Path("config.yaml")], help="YAML files, overlaid")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results, journal in it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = load_config(*options.config).tracking
    report = mirror_tracking(settings=settings, journals=options.results / "journal", results=options.results)
    return 1 if report.pending else 0


if __name__ == "__main__":
    raise SystemExit(main())
