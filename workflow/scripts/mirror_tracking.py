"""Mirror the journals to MLflow after a run, in a separate process."""

import json
import logging
import sys
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.steps.mirror_tracking import mirror_tracking


def main() -> None:
    """Call the step. The only argument is the tracking section as JSON, from ``settings_json``."""
    logging.basicConfig(level=logging.INFO, format="[mirror_tracking] %(message)s")
    (settings,) = json.loads(sys.argv[1])
    mirror_tracking(
        settings=TrackingSettings.model_validate(settings),
        journals=Path("results/journal"),
        results=Path("results"),
    )


if __name__ == "__main__":
    main()
