"""Blender's modules and process state; the other modules of this package import ``bpy`` from here.

Blender shuts down when the last reference to ``bpy`` is dropped. References that remain at interpreter exit (run-time
type checkers keep every module whose classes they wrapped) leave its threads running, and the process never ends.
"""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if "bpy" not in sys.modules:
    # Blender adds folders with its Python modules to the path, and a child process inherits the path of its parent.
    # There, these incomplete modules would be found before the bpy package.
    sys.path[:] = [entry for entry in sys.path if not Path(entry, "bpy", "__init__.py").is_file()]

import bpy
import mathutils  # importable only after bpy

PACKAGE = __name__.rpartition(".")[0]


@atexit.register
def release_blender() -> None:
    """Drop this package's references to ``bpy``."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE):
            vars(module).pop("bpy", None)


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Discard Blender's progress output, which native code writes directly to file descriptor 1."""
    sys.stdout.flush()
    stdout = os.dup(1)
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 1)
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(devnull)
        os.close(stdout)


__all__ = ["bpy", "mathutils", "quiet_stdout"]
