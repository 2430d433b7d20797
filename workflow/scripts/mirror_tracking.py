"""Mirror the journals to MLflow: once, or with ``--follow`` while standard input is open, in a separate process."""

import json
import logging
import os
import sys
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.steps.mirror_tracking import follow_tracking, mirror_tracking


def main() -> None:
    """Call the step. The first argument is the tracking section as JSON, from ``settings_json``."""
    logging.basicConfig(level=logging.INFO, format="[mirror_tracking] %(message)s")
    (settings,) = json.loads(sys.argv[1])
    job = {
        "settings": TrackingSettings.model_validate(settings),
        "journals": Path("results/journal"),
        "results": Path("results"),
    }
    os.nice(5)
    if "--follow" in sys.argv:
        follow_tracking(**job, end=sys.stdin)
    else:
        mirror_tracking(**job)


if __name__ == "__main__":
    main()
