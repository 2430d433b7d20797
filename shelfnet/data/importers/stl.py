"""Import STL files, text or binary."""

import io
import logging
from pathlib import Path

import numpy as np
import trimesh

from shelfnet.data.importers.material_parts import MaterialPart, check_counts
from shelfnet.data.obj.materials import Material
from shelfnet.data.obj.reader import MAX_OBJ_BYTES, ModelError, require_regular_file, short_name

HEADER_BYTES, FACE_BYTES = 84, 50

log = logging.getLogger(__name__)


def import_stl(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import a text or binary STL file in its own frame and unit; colours are ignored.

    Bytes after the triangles of a binary file are ignored, too: some programs append metadata.

    Raises:
        ModelError: The file is broken, too large or without triangles.
    """
    require_regular_file(path, min(MAX_OBJ_BYTES, HEADER_BYTES + 8 * FACE_BYTES * max_faces))
    try:
        mesh = _load(_without_trailing_bytes(path))
        check_counts(len(mesh.vertices), len(mesh.faces), max_faces)
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    vertices, faces = np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
    return [MaterialPart(vertices, faces, Material())]


def _without_trailing_bytes(path: Path) -> bytes:
    """Content of the file up to the last triangle that a binary header announces.

    The count of a text file, read as binary, would need more bytes than a file may have.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[HEADER_BYTES - 4 : HEADER_BYTES], "little")
    end = HEADER_BYTES + count * FACE_BYTES
    if count == 0 or end >= len(content):
        return content
    log.warning("%s: %d bytes after its %d triangles are ignored", short_name(path), len(content) - end, count)
    return content[:end]


def _load(content: bytes) -> trimesh.Trimesh:
    try:
        scene = trimesh.load_scene(io.BytesIO(content), file_type="stl", process=False)
    except Exception as error:  # the loader raises ValueError, IndexError, KeyError, ...
        raise ModelError(f"cannot be read as STL: {error}") from error
    meshes = [item for item in scene.geometry.values() if isinstance(item, trimesh.Trimesh) and len(item.faces)]
    mesh = meshes[0] if len(meshes) == 1 else trimesh.util.concatenate(meshes)
    if not meshes or not isinstance(mesh, trimesh.Trimesh):
        raise ModelError(f"expected triangles, got none{_count_fault(content)}")
    return mesh


def _count_fault(content: bytes) -> str:
    """What is wrong with the number of triangles in a binary header; empty for text."""
    if len(content) < HEADER_BYTES or b"facet" in content.lower():
        return ""
    count = int.from_bytes(content[HEADER_BYTES - 4 : HEADER_BYTES], "little")
    announced = f"; the header announces {count} triangles"
    needed = HEADER_BYTES + count * FACE_BYTES
    if needed <= len(content):
        return announced
    return f"{announced} in {needed} bytes, but there are {len(content)}: the file is truncated, or not STL"
