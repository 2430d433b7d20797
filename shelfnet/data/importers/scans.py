"""PLY and STL files made by others as parts: triangles with vertex or face colours, or with one texture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, UInt8

from shelfnet.data.images import ImageError
from shelfnet.data.importers.parts import Part, check_counts
from shelfnet.data.obj.materials import Material, load_texture
from shelfnet.data.obj.parser import decode_text
from shelfnet.data.obj.reader import MAX_OBJ_BYTES, ModelError, file_inside, require_regular_file
from shelfnet.geometry.colours import linear_from_srgb

MAX_HEADER_BYTES = 64 * 1024
WHITE = (1.0, 1.0, 1.0)
STL_HEADER_BYTES, STL_FACE_BYTES = 84, 50


@dataclass(frozen=True)
class _PlyHeader:
    """What a PLY file announces."""

    counts: dict[str, int]
    has_normals: bool
    texture: str | None


def read_ply(path: Path, max_faces: int) -> list[Part]:
    """The triangles of a PLY file, in its own frame and unit; vertex and face colours are sRGB.

    A texture (``comment TextureFile``) is read from the file's own folder alone.

    Raises:
        ModelError: broken, too large, without triangles, or its texture cannot be used.
    """
    require_regular_file(path, MAX_OBJ_BYTES)
    with path.open("rb") as stream:
        header = _ply_header(path.name, stream.read(MAX_HEADER_BYTES))
    try:
        check_counts(header.counts.get("vertex", 0), header.counts.get("face", 0), max_faces)
        if max(header.counts.values()) > 4 * max_faces:
            raise ModelError(f"expected at most {4 * max_faces} elements of a kind, got {max(header.counts.values())}")
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    mesh = _load(path, "ply", max_faces)
    if len(mesh.faces) < header.counts["face"]:
        raise ModelError(f"{path.name}: expected {header.counts['face']} faces, got {len(mesh.faces)}: it is cut off")
    return [_part(mesh, mesh.vertex_normals if header.has_normals else None, _texture(path, header.texture))]


def read_stl(path: Path, max_faces: int) -> list[Part]:
    """The triangles of an STL file, text or binary, in its own frame and unit.

    Raises:
        ModelError: broken, too large, or without triangles.
    """
    require_regular_file(path, min(MAX_OBJ_BYTES, STL_HEADER_BYTES + 8 * STL_FACE_BYTES * max_faces))
    return [_part(_load(path, "stl", max_faces), None, None)]


def _load(path: Path, file_type: str, max_faces: int) -> trimesh.Trimesh:
    try:
        with path.open("rb") as stream:
            scene = trimesh.load_scene(stream, file_type=file_type, process=False, skip_materials=True)
        meshes = [item for item in scene.geometry.values() if isinstance(item, trimesh.Trimesh) and len(item.faces)]
        mesh = meshes[0] if len(meshes) == 1 else trimesh.util.concatenate(meshes)
        if not meshes or not isinstance(mesh, trimesh.Trimesh):
            raise ModelError("expected triangles, got none")
        check_counts(len(mesh.vertices), len(mesh.faces), max_faces)
        if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
            raise ModelError(f"a triangle names vertex {mesh.faces.max()} of {len(mesh.vertices)}")
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    except Exception as error:  # the loader raises whatever its arrays do: ValueError, IndexError, KeyError, ...
        raise ModelError(f"{path.name}: cannot be read as {file_type.upper()}: {error}") from error
    return mesh


def _part(
    mesh: trimesh.Trimesh, normals: Float[np.ndarray, "v 3"] | None, texture: UInt8[np.ndarray, "h w 3"] | None
) -> Part:
    vertices, faces = np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
    uv = getattr(mesh.visual, "uv", None)
    if uv is not None and texture is not None:
        uv = np.where(np.isfinite(uv), uv, 0.0).astype(np.float64)
        return Part(vertices, faces, Material(WHITE, texture), _usable(normals), uv)
    kind = mesh.visual.kind if isinstance(mesh.visual, trimesh.visual.ColorVisuals) else None
    if kind == "vertex":
        return Part(vertices, faces, Material(WHITE), _usable(normals), colours=_linear(mesh.visual.vertex_colors))
    if kind == "face":
        corners = np.repeat(_linear(mesh.visual.face_colors), 3, axis=0)
        apart = np.arange(3 * len(faces), dtype=np.int64).reshape(-1, 3)
        return Part(vertices[faces].reshape(-1, 3), apart, Material(WHITE), colours=corners)
    return Part(vertices, faces, normals=_usable(normals))


def _usable(normals: Float[np.ndarray, "v 3"] | None) -> Float[np.ndarray, "v 3"] | None:
    return None if normals is None or not np.isfinite(normals).all() else np.array(normals, dtype=np.float64)


def _linear(colours: UInt8[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 3"]:
    return linear_from_srgb(np.asarray(colours)[:, :3] / 255.0)


def _texture(path: Path, name: str | None) -> UInt8[np.ndarray, "h w 3"] | None:
    if name is None:
        return None
    found = file_inside(path.parent, name)
    if found is None:
        raise ModelError(f"{path.name}: no texture {name[:80]!r} inside its folder")
    try:
        return load_texture(found)
    except ImageError as error:
        raise ModelError(f"{path.name}: its texture cannot be used: {error}") from error


def _ply_header(file_name: str, content: bytes) -> _PlyHeader:
    text, found, _ = content.partition(b"end_header")
    if not found or not text.lower().startswith(b"ply"):
        raise ModelError(f"{file_name}: expected a PLY header, got something else")
    counts: dict[str, int] = {}
    properties: set[str] = set()
    texture = None
    for line in decode_text(text).splitlines():
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3 and words[2].isdecimal():
            counts[words[1]] = int(words[2])
        elif words[:1] == ["property"]:
            properties.add(words[-1])
        elif [word.lower() for word in words[:2]] == ["comment", "texturefile"]:
            texture = line.split(maxsplit=2)[2].strip() if len(words) > 2 else None
    return _PlyHeader(counts, {"nx", "ny", "nz"} <= properties, texture)
