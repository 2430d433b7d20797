"""Import GLB files: triangles of the scene with base colours, textures and vertex colours."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from shelfnet.data.importers.glb_container import MAX_GLB_BYTES, GlbContainer, read_container
from shelfnet.data.importers.glb_materials import GltfMaterial, MaterialReader
from shelfnet.data.importers.glb_scene import (
    FAN,
    TRIANGLES,
    PosedPrimitive,
    determinants,
    morphed,
    posed_primitives,
    transform_normals,
    transform_positions,
    vertex_transforms,
)
from shelfnet.data.importers.material_parts import MaterialPart, check_counts, merge_parts
from shelfnet.data.importers.texture_wrapping import unwrap_texture
from shelfnet.data.obj.reader import ModelError, require_regular_file


def import_glb(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import the scene of a GLB file, in metres and +Y up as glTF defines.

    Instances, skins and morph targets are applied as the file poses them without animation. Material and vertex colours
    are linear in the file and multiplied. Opacity, textures other than the base colour and animations are ignored.

    Raises:
        ModelError: The file is broken, too large, without triangles, or refers to a file outside its folder.
    """
    require_regular_file(path, MAX_GLB_BYTES)
    try:
        container = read_container(path)
        primitives = list(posed_primitives(container))
        check_counts(
            sum(container.count(posed.primitive["attributes"]["POSITION"]) for posed in primitives),
            sum(_count_triangles(container, posed.primitive) for posed in primitives),
            max_faces,
        )
        materials = MaterialReader(container)
        parts = merge_parts([_import_primitive(container, posed, materials) for posed in primitives])
        return [unwrap_texture(part) for part in parts]
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"{path.name}: broken glTF ({type(error).__name__}: {error})") from error


def _count_triangles(container: GlbContainer, primitive: dict[str, Any]) -> int:
    n_corners = container.count(primitive.get("indices", primitive["attributes"]["POSITION"]))
    return n_corners // 3 if primitive.get("mode", TRIANGLES) == TRIANGLES else max(n_corners - 2, 0)


def _import_primitive(container: GlbContainer, posed: PosedPrimitive, materials: MaterialReader) -> MaterialPart:
    primitive, attributes = posed.primitive, posed.primitive["attributes"]
    n_vertices = container.count(attributes["POSITION"])
    faces = _read_faces(container, primitive, n_vertices)
    transforms = vertex_transforms(container, posed, n_vertices)
    mirrored = np.broadcast_to(determinants(transforms) < 0.0, (n_vertices,))[faces[:, 0]]
    bound = materials.read(primitive.get("material"))
    has_texture = bound.material.texture is not None
    normals = None
    if "NORMAL" in attributes:
        normals = transform_normals(transforms, morphed(container, posed, "NORMAL", n_vertices))
    return MaterialPart(
        vertices=transform_positions(transforms, morphed(container, posed, "POSITION", n_vertices)),
        faces=np.where(mirrored[:, None], faces[:, ::-1], faces),
        material=bound.material,
        normals=normals,
        uv=_read_uv(container, attributes, bound, n_vertices) if has_texture else None,
        colours=_read_colours(container, attributes, n_vertices),
        wrap=bound.wrap,
    )


def _read_faces(container: GlbContainer, primitive: dict[str, Any], n_vertices: int) -> Int[np.ndarray, "f 3"]:
    if "indices" in primitive:
        corners = container.array(primitive["indices"])[:, 0].astype(np.int64)
    else:
        corners = np.arange(n_vertices, dtype=np.int64)
    if corners.min() < 0 or corners.max() >= n_vertices:
        wrong = corners.min() if corners.min() < 0 else corners.max()
        raise ModelError(f"a triangle names vertex {wrong} of {n_vertices}")
    mode = primitive.get("mode", TRIANGLES)
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == FAN:
        return np.column_stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]])
    strip = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip


def _read_uv(
    container: GlbContainer, attributes: dict[str, int], bound: GltfMaterial, n_vertices: int
) -> Float[np.ndarray, "v 2"]:
    if bound.coordinates not in attributes:
        return np.zeros((n_vertices, 2))
    uv = container.attribute(attributes[bound.coordinates], n_vertices)[:, :2].astype(np.float64)
    if bound.transform is not None:
        uv = uv @ bound.transform[:, :2].T + bound.transform[:, 2]
    flipped = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]])
    return np.where(np.isfinite(flipped), flipped, 0.0)


def _read_colours(
    container: GlbContainer, attributes: dict[str, int], n_vertices: int
) -> Float[np.ndarray, "v 3"] | None:
    """Vertex colours in linear RGB, or ``None`` if they are all white."""
    if "COLOR_0" not in attributes:
        return None
    colours = container.attribute(attributes["COLOR_0"], n_vertices)
    if colours.dtype.kind in "iu":  # not marked as normalised, although glTF requires it
        colours = colours / np.iinfo(colours.dtype).max
    colours = np.nan_to_num(colours[:, :3].astype(np.float64), posinf=1.0).clip(0.0, 1.0)
    return None if (colours == 1.0).all() else colours
