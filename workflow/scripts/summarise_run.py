"""Print what a finished run says, in a separate process."""

import json
import sys
from pathlib import Path

from shelfnet.config.workflow import TrackingSettings
from shelfnet.steps.summarise_run import summarise_run


def main() -> None:
    """Call the step. The only argument is the tracking section as JSON, from ``settings_json``."""
    (settings,) = json.loads(sys.argv[1])
    lines = summarise_run(settings=TrackingSettings.model_validate(settings), results=Path("results"))
    print("\n".join(["", *lines]) if lines else "", flush=True)


if __name__ == "__main__":
    main()
