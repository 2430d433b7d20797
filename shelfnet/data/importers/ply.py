"""Import PLY files: polygons with vertex colours, face colours or one texture."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from shelfnet.data.images import ImageError
from shelfnet.data.importers.material_parts import WHITE, MaterialPart, check_counts
from shelfnet.data.importers.ply_file import Columns, PlyElement, PlyHeader, PlyLists, read_elements, read_header
from shelfnet.data.obj.materials import Material, load_texture
from shelfnet.data.obj.model_files import ModelFiles
from shelfnet.data.obj.polygons import triangulate
from shelfnet.data.obj.reader import MAX_OBJ_BYTES, ModelError, require_regular_file
from shelfnet.geometry.colours import linear_from_srgb

CORNER_NAMES = ("vertex_indices", "vertex_index")
COLOUR_NAMES = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
UV_NAMES = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"))
CORNER_UV_NAME = "texcoord"
MAX_EXACT = 2**53
"""Whole numbers below it are exact in double precision."""


def import_ply(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import a PLY file in its own frame and unit; vertex and face colours are sRGB.

    A texture (``comment TextureFile``) must lie in the folder of the file.

    Raises:
        ModelError: The file is broken, too large or without triangles, or its texture cannot be used.
    """
    require_regular_file(path, MAX_OBJ_BYTES)
    try:
        header = read_header(path)
        _check_header(header, max_faces)
        elements = read_elements(path, header)
        texture = None if header.texture is None else _load_texture(path.parent, header.texture)
        return [_to_part(header, elements["vertex"], elements["face"], texture, max_faces)]
    except ValueError as error:
        raise ModelError(f"{path.name}: {error}") from None


def _check_header(header: PlyHeader, max_faces: int) -> None:
    counts = {name: element.count for name, element in header.elements.items()}
    check_counts(counts.get("vertex", 0), counts.get("face", 0), max_faces)
    if counts.get("vertex", 0) < 1:
        raise ModelError("expected vertices, got none")
    largest = max(counts.values())
    if largest > 4 * max_faces:
        raise ModelError(f"expected at most {4 * max_faces} elements of a kind, got {largest}")


def _to_part(
    header: PlyHeader, vertex: Columns, face: Columns, texture: UInt8[np.ndarray, "h w 3"] | None, max_faces: int
) -> MaterialPart:
    vertices = _stacked(vertex, ("x", "y", "z"))
    if vertices is None:
        raise ModelError("expected vertices with x, y and z")
    corners = _corners(face, len(vertices), max_faces)
    if not np.isfinite(vertices[corners.values]).all():
        raise ModelError("expected finite coordinates")
    # Triangulate numbers of corners, since texture coordinates may belong to corners.
    triangles = triangulate(vertices[corners.values], np.arange(len(corners.values)), corners.lengths)
    faces = corners.values[triangles]
    normals = _unit_normals(_stacked(vertex, ("nx", "ny", "nz")))
    corner_uv = _corner_uv(vertex, face, corners)
    if texture is not None and corner_uv is not None:
        uv = np.where(np.isfinite(corner_uv), corner_uv, 0.0)[triangles].reshape(-1, 2)
        return replace(_separate(vertices, faces, Material(WHITE.colour, texture), normals), uv=uv)
    colours = _colours(header.elements["vertex"], vertex)
    if colours is not None:
        return MaterialPart(vertices, faces, WHITE, normals, colours=colours)
    face_colours = _colours(header.elements["face"], face)
    if face_colours is not None:
        polygons = np.repeat(np.arange(len(corners.lengths)), corners.lengths)[triangles[:, 0]]
        colours = np.repeat(face_colours[polygons], 3, axis=0)
        return replace(_separate(vertices, faces, WHITE, normals), colours=colours)
    return MaterialPart(vertices, faces, Material(), normals)


def _separate(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    material: Material,
    normals: Float[np.ndarray, "v 3"] | None,
) -> MaterialPart:
    """A part whose triangles share no vertices."""
    return MaterialPart(
        vertices=vertices[faces].reshape(-1, 3),
        faces=np.arange(faces.size, dtype=np.int64).reshape(-1, 3),
        material=material,
        normals=None if normals is None else normals[faces].reshape(-1, 3),
    )


def _corners(face: Columns, n_vertices: int, max_faces: int) -> PlyLists:
    """Vertex numbers of all polygons, checked."""
    lists = {name: column for name, column in face.items() if isinstance(column, PlyLists)}
    corners = next((lists[name] for name in CORNER_NAMES if name in lists), None)
    if corners is None and len(lists) == 1:
        (corners,) = lists.values()
    if corners is None:
        raise ModelError(f"expected faces with a list {' or '.join(CORNER_NAMES)}")
    if corners.lengths.min() < 3:
        raise ModelError(f"expected faces with three corners or more, got {corners.lengths.min()}")
    check_counts(n_vertices, int((corners.lengths - 2).sum()), max_faces)
    if not (np.abs(corners.values) < MAX_EXACT).all():
        raise ModelError("expected numbers of vertices in the faces")
    values = corners.values.astype(np.int64)
    if values.min() < 0 or values.max() >= n_vertices:
        raise ModelError(f"a face names vertex {values.max() if values.min() >= 0 else values.min()} of {n_vertices}")
    return PlyLists(corners.lengths, values)


def _corner_uv(vertex: Columns, face: Columns, corners: PlyLists) -> Float[np.ndarray, "c 2"] | None:
    """Texture coordinates of all corners: those of the face, else those of the vertices."""
    own = face.get(CORNER_UV_NAME)
    if isinstance(own, PlyLists) and (own.lengths == 2 * corners.lengths).all():
        return own.values.astype(np.float64).reshape(-1, 2)
    stacked = next((uv for names in UV_NAMES if (uv := _stacked(vertex, names)) is not None), None)
    return None if stacked is None else stacked[corners.values]


def _stacked(columns: Columns, names: Sequence[str]) -> Float[np.ndarray, "n k"] | None:
    """Numbers of several properties; ``None`` if one of them is missing."""
    found = [columns.get(name) for name in names]
    arrays = [column.astype(np.float64) for column in found if isinstance(column, np.ndarray)]
    return np.column_stack(arrays) if len(arrays) == len(names) else None


def _unit_normals(normals: Float[np.ndarray, "v 3"] | None) -> Float[np.ndarray, "v 3"] | None:
    """Normals of unit length; ``None`` if one has no direction."""
    if normals is None:
        return None
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / lengths if np.isfinite(normals).all() and (lengths > 0.0).all() else None


def _colours(element: PlyElement, columns: Columns) -> Float[np.ndarray, "n 3"] | None:
    """Linear colours of the rows. Whole numbers count up to the largest of their type, others up to 1 or up to 255."""
    for names in COLOUR_NAMES:
        colours = _stacked(columns, names)
        if colours is None:
            continue
        declared = element.type_of(names[0])
        is_byte_range = declared.itemsize > 2 and np.nanmax(colours, initial=0.0) > 1.0
        full = 255.0 if is_byte_range else 1.0 if declared.kind == "f" else float(np.iinfo(declared).max)
        return linear_from_srgb(np.nan_to_num(colours / full).clip(0.0, 1.0))
    return None


def _load_texture(folder: Path, name: str) -> UInt8[np.ndarray, "h w 3"]:
    found = ModelFiles(folder).find_named(name)
    if found is None:
        raise ModelError(f"no texture {name[:80]!r} inside its folder")
    try:
        return load_texture(found)
    except ImageError as error:
        raise ModelError(f"texture cannot be used: {error}") from error
