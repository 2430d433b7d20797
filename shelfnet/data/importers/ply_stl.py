"""Import PLY and STL files: triangles with vertex colours, face colours or one texture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, UInt8
from trimesh.visual import ColorVisuals

from shelfnet.data.images import ImageError
from shelfnet.data.importers.material_parts import WHITE, MaterialPart, check_counts
from shelfnet.data.obj.materials import Material, load_texture
from shelfnet.data.obj.model_files import ModelFiles
from shelfnet.data.obj.parser import decode_text
from shelfnet.data.obj.reader import MAX_OBJ_BYTES, ModelError, require_regular_file
from shelfnet.geometry.colours import linear_from_srgb

MAX_HEADER_BYTES = 64 * 1024
STL_HEADER_BYTES, STL_FACE_BYTES = 84, 50


@dataclass(frozen=True)
class _PlyHeader:
    """Element counts, presence of normals and texture name, as a PLY header states them."""

    counts: dict[str, int]
    has_normals: bool
    texture: str | None


def import_ply(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import a PLY file in its own frame and unit; vertex and face colours are sRGB.

    A texture (``comment TextureFile``) must lie in the folder of the file.

    Raises:
        ModelError: The file is broken, too large or without triangles, or its texture cannot be used.
    """
    require_regular_file(path, MAX_OBJ_BYTES)
    with path.open("rb") as stream:
        header = _read_ply_header(path.name, stream.read(MAX_HEADER_BYTES))
    mesh = _load(path, "ply", max_faces, header)
    return [_to_part(mesh, mesh.vertex_normals if header.has_normals else None, _load_texture(path, header.texture))]


def import_stl(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import a text or binary STL file in its own frame and unit.

    Raises:
        ModelError: The file is broken, too large or without triangles.
    """
    require_regular_file(path, min(MAX_OBJ_BYTES, STL_HEADER_BYTES + 8 * STL_FACE_BYTES * max_faces))
    return [_to_part(_load(path, "stl", max_faces), None, None)]


def _load(path: Path, file_type: str, max_faces: int, header: _PlyHeader | None = None) -> trimesh.Trimesh:
    try:
        if header is not None:
            _check_header(header, max_faces)
        with path.open("rb") as stream:
            scene = trimesh.load_scene(stream, file_type=file_type, process=False, skip_materials=True)
        meshes = [item for item in scene.geometry.values() if isinstance(item, trimesh.Trimesh) and len(item.faces)]
        mesh = meshes[0] if len(meshes) == 1 else trimesh.util.concatenate(meshes)
        if not meshes or not isinstance(mesh, trimesh.Trimesh):
            raise ModelError("expected triangles, got none")
        check_counts(len(mesh.vertices), len(mesh.faces), max_faces)
        if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
            raise ModelError(f"a triangle names vertex {mesh.faces.max()} of {len(mesh.vertices)}")
        if header is not None and len(mesh.faces) < header.counts["face"]:
            raise ModelError(f"expected {header.counts['face']} faces, got {len(mesh.faces)}: the file is truncated")
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    except Exception as error:  # the loader raises ValueError, IndexError, KeyError, ...
        raise ModelError(f"{path.name}: cannot be read as {file_type.upper()}: {error}") from error
    return mesh


def _check_header(header: _PlyHeader, max_faces: int) -> None:
    check_counts(header.counts.get("vertex", 0), header.counts.get("face", 0), max_faces)
    largest = max(header.counts.values())
    if largest > 4 * max_faces:
        raise ModelError(f"expected at most {4 * max_faces} elements of a kind, got {largest}")


def _to_part(
    mesh: trimesh.Trimesh, normals: Float[np.ndarray, "v 3"] | None, texture: UInt8[np.ndarray, "h w 3"] | None
) -> MaterialPart:
    vertices, faces = np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
    normals = None if normals is None or not np.isfinite(normals).all() else np.array(normals, dtype=np.float64)
    visual = mesh.visual
    uv = getattr(visual, "uv", None)
    if uv is not None and texture is not None:
        uv = np.where(np.isfinite(uv), uv, 0.0).astype(np.float64)
        return MaterialPart(vertices, faces, Material(WHITE.colour, texture), normals, uv)
    if isinstance(visual, ColorVisuals) and visual.kind == "vertex":
        return MaterialPart(vertices, faces, WHITE, normals, colours=_to_linear(visual.vertex_colors))
    if isinstance(visual, ColorVisuals) and visual.kind == "face":
        corner_colours = np.repeat(_to_linear(visual.face_colors), 3, axis=0)
        separate = np.arange(3 * len(faces), dtype=np.int64).reshape(-1, 3)
        return MaterialPart(vertices[faces].reshape(-1, 3), separate, WHITE, colours=corner_colours)
    return MaterialPart(vertices, faces, Material(), normals)


def _to_linear(colours: UInt8[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 3"]:
    return linear_from_srgb(np.asarray(colours)[:, :3] / 255.0)


def _load_texture(path: Path, name: str | None) -> UInt8[np.ndarray, "h w 3"] | None:
    if name is None:
        return None
    found = ModelFiles(path.parent).find_named(name)
    if found is None:
        raise ModelError(f"{path.name}: no texture {name[:80]!r} inside its folder")
    try:
        return load_texture(found)
    except ImageError as error:
        raise ModelError(f"{path.name}: texture cannot be used: {error}") from error


def _read_ply_header(file_name: str, content: bytes) -> _PlyHeader:
    text, found, _ = content.partition(b"end_header")
    if not found or not text.lower().startswith(b"ply"):
        raise ModelError(f"{file_name}: expected a PLY header")
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
