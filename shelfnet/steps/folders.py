"""Folders that appear under their name only when they are complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shelfnet.provenance import publish


@contextmanager
def complete_folder(final: Path) -> Iterator[Path]:
    """An empty folder beside ``final`` to write in, renamed to it at the end unless the block raises.

    What an earlier run has left under either name goes.
    """
    beside = final.with_name(final.name + ".tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    yield beside
    shutil.rmtree(final, ignore_errors=True)
    publish(beside, final)
