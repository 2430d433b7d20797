"""Blender's modules; all others of this package take them from here, and Blender ends with the process.

It does so when nothing holds `bpy` any more. What is still held at the end (a run-time type checker keeps every module
whose classes it has wrapped) leaves Blender's threads running, and the process waits for them for ever.
"""

import atexit
import sys
from pathlib import Path

if "bpy" not in sys.modules:
    # Blender puts folders with its Python half on the path, and a child process inherits the path of its parent: there,
    # that half would be found in place of the whole.
    sys.path[:] = [entry for entry in sys.path if not Path(entry, "bpy", "__init__.py").is_file()]

import bpy
import mathutils  # a part of Blender, which is there after bpy only

PACKAGE = __name__.rpartition(".")[0]


@atexit.register
def release_blender() -> None:
    """Drop this package's references to Blender's module."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE):
            vars(module).pop("bpy", None)


__all__ = ["bpy", "mathutils"]
