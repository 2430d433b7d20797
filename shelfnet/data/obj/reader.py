"""Untrusted Wavefront OBJ files, read within limits and refused if they hold no usable shape."""

import logging
import stat
from pathlib import Path

import numpy as np

from shelfnet.data.obj.parser import ObjModel, parse_obj
from shelfnet.data.obj.planes import large_planes
from shelfnet.file_tree import link_fault, may_read
from shelfnet.geometry.meshes import Mesh

MAX_OBJ_BYTES = 512 * 1024**2
MIN_EXTENT, MAX_EXTENT = 1e-6, 1e7
"""Longest sides, in the file's unit, that single precision can represent."""
MAX_COORDINATE = 1e9
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""Start of the text that stands for a large file in a Git repository until it is fetched."""
MAX_POINTER_BYTES = 1024

log = logging.getLogger(__name__)


class ModelError(ValueError):
    """A model cannot be used; the message says why."""


def load_obj(path: Path, max_faces: int) -> Mesh:
    """The triangles of an OBJ file in the file's own frame and unit; polygons are triangulated.

    Args:
        path: A regular file, or a link to one.
        max_faces: Maximum number of triangles, and a quarter of the maximum number of vertices.

    Raises:
        ModelError: The file is missing, too large or not text, or it has no faces, a broken vertex or face, or a
            shape without area.
    """
    model = load_obj_model(path, max_faces)
    return Mesh(model.vertices, model.faces)


def load_obj_model(path: Path, max_faces: int) -> ObjModel:
    """An OBJ file with its colours, texture coordinates, normals and material names; see :func:`load_obj`.

    Flat parts that are far larger than the rest are left out, with a warning.

    Raises:
        ModelError: As in :func:`load_obj`.
    """
    require_regular_file(path, MAX_OBJ_BYTES)
    try:
        with path.open(encoding="latin-1", newline=None) as lines:
            model = parse_obj(lines, max_faces, MAX_COORDINATE)
        planes = large_planes(Mesh(model.vertices, model.faces))
        if planes.any():
            log.warning("%s: left out %d triangles of a plane far larger than the rest", short_name(path), planes.sum())
            model = model.with_faces(~planes)
        _check_shape(Mesh(model.vertices, model.faces))
    except OSError as error:
        raise ModelError(f"{path.name}: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path.name}: {error}") from None
    return model


def short_name(path: Path) -> str:
    """Name of a model's file with its folder: many models have files of the same name."""
    return f"{path.parent.name}/{path.name}"


def require_regular_file(path: Path, max_bytes: int) -> None:
    """Refuse missing files, links that lead to no file, folders, devices, pointers of Git LFS and too large files.

    Raises:
        ModelError: The path is one of these.
    """
    try:
        fault = link_fault(path)
        if fault is not None:
            raise ModelError(f"{path.name} {fault}")
        status = path.stat()
    except ModelError:
        raise
    except (OSError, ValueError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be reached ({error})"
        raise ModelError(f"{path.name} {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe"}
        kind = kinds.get(stat.S_IFMT(status.st_mode), "device")
        raise ModelError(f"{path.name}: expected a regular file, got a {kind}")
    if status.st_size > max_bytes:
        raise ModelError(f"{path.name}: expected at most {max_bytes} bytes, got {status.st_size}")
    if status.st_size <= MAX_POINTER_BYTES and may_read(path) and path.read_bytes().startswith(LFS_POINTER):
        raise ModelError(f"{path.name}: only a pointer of Git LFS; run git lfs pull in its repository")


def _check_shape(mesh: Mesh) -> None:
    used = mesh.vertices[np.unique(mesh.faces)]
    extent = float((used.max(axis=0) - used.min(axis=0)).max())
    if not MIN_EXTENT <= extent <= MAX_EXTENT:
        raise ModelError(f"expected a longest side between {MIN_EXTENT:g} and {MAX_EXTENT:g}, got {extent:g}")
    relative_area = float(mesh.face_areas().sum()) / extent**2
    if not relative_area > 1e-9:
        raise ModelError(f"expected faces with an area, got {relative_area:g} of the longest side squared")
