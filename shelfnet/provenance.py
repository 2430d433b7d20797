"""Provenance: digests of code and data, and the code version."""

import hashlib
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from shelfnet import __version__

PACKAGE = Path(__file__).parent


@cache
def code_version() -> str:
    """Package version and, in a git checkout, the commit, with ``+dirty`` for uncommitted changes."""
    root = PACKAGE.parent
    if not (root / ".git").exists():
        return __version__
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty=+dirty", "--abbrev=12", "--match=v0"]
    try:
        commit = subprocess.run(describe, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}-{commit}"


def modules_digest(*modules: str) -> str:
    """Digest of the source code of modules, given by dotted names below ``shelfnet``.

    A package's ``__init__`` (``"report.__init__"``) includes the package's data files: templates, styles, scripts. The
    caches of Python and numba (``__pycache__``) are not part of it.

    Raises:
        ValueError: There is no such module.
    """
    digest = hashlib.sha256()
    for file in (file for module in modules for file in _source_files(module)):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _source_files(module: str) -> list[Path]:
    source = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    if not source.is_file():
        raise ValueError(f"no module shelfnet.{module}")
    if source.stem != "__init__":
        return [source]
    below = (file for file in source.parent.rglob("*") if file.is_file() and file.suffix != ".py")
    return [source, *sorted(file for file in below if "__pycache__" not in file.parts)]


def texts_digest(*texts: str) -> str:
    """SHA-256 of texts, in their order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the names and contents of files, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(f"{path.name}:{file_digest(path)}\n".encode())
    return digest.hexdigest()
