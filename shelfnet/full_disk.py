"""Full disks, which libraries report in many ways."""

import errno
import re
import shutil
import tempfile
from pathlib import Path

ERRNOS = (errno.ENOSPC, errno.EDQUOT)

TEXT = re.compile(r"No space left on device|Disk quota exceeded|database or disk is full|\(os error (28|122)\)")
"""How safetensors, SQLite and pyarrow say it."""


def full_disk_text(error: BaseException) -> str | None:
    """What to say about an error that a full disk caused; ``None`` about any other error.

    The text names the fuller one of the disks of the working directory and of temporary files.
    """
    chained: BaseException | None = error
    while chained is not None:
        if getattr(chained, "errno", None) in ERRNOS or TEXT.search(str(chained)):
            return _text()
        chained = chained.__cause__ or chained.__context__
    return None


def _text() -> str:
    places = {Path.cwd(): shutil.disk_usage("."), Path(tempfile.gettempdir()): shutil.disk_usage(tempfile.gettempdir())}
    place, usage = min(places.items(), key=lambda item: item[1].free)
    return (
        f"the disk is full: {usage.free / 1e9:.2f} of {usage.total / 1e9:.2f} GB are free in {place}; free some space, "
        "then repeat the command, which continues where it stopped"
    )
