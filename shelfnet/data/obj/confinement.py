"""Files of strangers: a name in a model's files never leads out of the model's own folder."""

import re
from pathlib import Path, PurePosixPath

DRIVE_LETTER = re.compile(r"^[A-Za-z]:")


def file_inside(folder: Path, name: str) -> Path | None:
    """The regular file that ``name`` means below ``folder``, or None where there is no such file inside it.

    Absolute names, drive letters, ``..`` and symbolic links that leave the folder are not followed.
    """
    relative = PurePosixPath(name.strip().replace("\\", "/"))
    if relative.is_absolute() or DRIVE_LETTER.match(name.strip()) or ".." in relative.parts:
        return None
    try:
        resolved = (folder / relative).resolve(strict=True)
        inside = resolved.is_relative_to(folder.resolve(strict=True)) and resolved.is_file()
    except (OSError, RuntimeError, ValueError):
        return None
    return resolved if inside else None
