"""``shelfnet demo``: a local page on which photos become meshes."""

import argparse
import os
import sys
from pathlib import Path

import shelfnet
from shelfnet.cli.errors import UsageError
from shelfnet.cli.models import load_predictor
from shelfnet.data.photographs.files import find_photos
from shelfnet.demo.server import Address, AddressError, serve


def demo(arguments: argparse.Namespace) -> int:
    """Serve the page until the user ends it.

    Returns:
        0.

    Raises:
        UsageError: The command cannot start.
    """
    address = Address(arguments.host, arguments.port)
    try:
        address.check()
        predictor = load_predictor(arguments)
        serve(predictor, address, example_photos(), open_browser=arguments.open and _has_display())
    except AddressError as error:
        raise UsageError(str(error)) from error
    return 0


def example_photos() -> list[Path]:
    """Photos in ``examples/`` of a checkout; none where the package is installed from a wheel."""
    root = Path(shelfnet.__file__).resolve().parents[1]
    return sorted(find_photos(root / "examples").masks) if (root / "pyproject.toml").is_file() else []


def _has_display() -> bool:
    """Whether a browser can open a window; a browser in text mode would take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
