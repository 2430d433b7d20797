"""Import GLB files: triangles of the scene with base colours, textures and vertex colours."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num, UInt8
from trimesh.transformations import quaternion_matrix

from shelfnet.data.images import ImageError
from shelfnet.data.importers.baking import tint_texture
from shelfnet.data.importers.glb_container import MAX_GLB_BYTES, GlbContainer, read_container
from shelfnet.data.importers.material_parts import MAX_PARTS, WHITE, MaterialPart, check_counts, merge_parts
from shelfnet.data.obj.materials import Material, load_texture
from shelfnet.data.obj.reader import ModelError, require_regular_file
from shelfnet.geometry.colours import srgb_from_linear

TRIANGLES, STRIP, FAN = 4, 5, 6
SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
TEXTURE_TRANSFORM = "KHR_texture_transform"

Pose = Float[np.ndarray, "4 4"]


def import_glb(path: Path, max_faces: int) -> list[MaterialPart]:
    """Import the scene of a GLB file, in metres and +Y up as glTF defines.

    Material and vertex colours are linear in the file and multiplied. Opacity, textures other than the base colour,
    skins and animations are ignored.

    Raises:
        ModelError: The file is broken, too large, without triangles, or refers to another file.
    """
    require_regular_file(path, MAX_GLB_BYTES)
    try:
        container = read_container(path)
        primitives = list(_posed_primitives(container))
        check_counts(
            sum(container.count(primitive["attributes"]["POSITION"]) for primitive, _ in primitives),
            sum(_count_triangles(container, primitive) for primitive, _ in primitives),
            max_faces,
        )
        materials = _MaterialReader(container)
        return merge_parts([_import_primitive(container, primitive, pose, materials) for primitive, pose in primitives])
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"{path.name}: broken glTF ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class _GltfMaterial:
    """A material, the name of its texture coordinates and their transform."""

    material: Material
    coordinates: str = "TEXCOORD_0"
    transform: Float[np.ndarray, "2 3"] | None = None


class _MaterialReader:
    """Reads every material and decodes every image of a file once."""

    def __init__(self, container: GlbContainer) -> None:
        self._container = container
        self._materials: dict[int | None, _GltfMaterial] = {None: _GltfMaterial(WHITE)}
        self._images: dict[int, UInt8[np.ndarray, "h w 3"]] = {}

    def read(self, index: int | None) -> _GltfMaterial:
        """Material by index; white for ``None``."""
        if index is not None and index not in self._materials:
            self._materials[index] = self._read(self._container.entry("materials", index))
        return self._materials[index]

    def _read(self, material: dict[str, Any]) -> _GltfMaterial:
        extensions = material.get("extensions", {})
        if SPECULAR_GLOSSINESS in extensions:
            colour_key, texture_key, settings = "diffuseFactor", "diffuseTexture", extensions[SPECULAR_GLOSSINESS]
        else:
            colour_key, texture_key = "baseColorFactor", "baseColorTexture"
            settings = material.get("pbrMetallicRoughness", {})
        factor = np.array(settings.get(colour_key, (1.0, 1.0, 1.0)), dtype=np.float64)[:3]
        if factor.shape != (3,) or not np.isfinite(factor).all():
            raise ModelError(f"expected a material colour, got {settings[colour_key]!r}")
        factor = factor.clip(0.0, 1.0)
        if texture_key in settings:
            return self._read_textured(settings[texture_key], factor)
        red, green, blue = srgb_from_linear(factor).tolist()
        return _GltfMaterial(Material((red, green, blue)))

    def _read_textured(self, reference: dict[str, Any], factor: Float[np.ndarray, "3"]) -> _GltfMaterial:
        settings = reference.get("extensions", {}).get(TEXTURE_TRANSFORM, {})
        coordinates = settings.get("texCoord", reference.get("texCoord", 0))
        texture = self._container.entry("textures", reference["index"])
        webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
        image = webp.get("source", texture.get("source"))
        if image not in self._images:
            self._images[image] = _decode_image(self._container.image(image))
        pixels = self._images[image]
        if (factor < 1.0).any():
            pixels = tint_texture(pixels, factor)
        return _GltfMaterial(Material(WHITE.colour, pixels), f"TEXCOORD_{coordinates}", _texture_transform(settings))


def _decode_image(content: bytes | memoryview) -> UInt8[np.ndarray, "h w 3"]:
    try:
        return load_texture(io.BytesIO(content))
    except ImageError as error:
        raise ModelError(f"texture cannot be used: {error}") from error


def _texture_transform(settings: dict[str, Any]) -> Float[np.ndarray, "2 3"] | None:
    """Scale, then rotation from u to -v, then offset, for coordinates with their origin at the upper left."""
    if not settings:
        return None
    cos, sin = math.cos(settings.get("rotation", 0.0)), math.sin(settings.get("rotation", 0.0))
    scale = np.array(settings.get("scale", (1.0, 1.0)), dtype=np.float64)
    offset = np.array(settings.get("offset", (0.0, 0.0)), dtype=np.float64)
    return np.column_stack([np.array([[cos, sin], [-sin, cos]]) * scale, offset])


def _posed_primitives(container: GlbContainer) -> Iterator[tuple[dict[str, Any], Pose]]:
    """Triangle primitives of the scene, each with the pose of its node."""
    n_parts = 0
    for node, pose in _posed_nodes(container):
        if "mesh" not in node:
            continue
        for primitive in container.entry("meshes", node["mesh"])["primitives"]:
            if primitive.get("mode", TRIANGLES) in (TRIANGLES, STRIP, FAN):
                n_parts += 1
                if n_parts > MAX_PARTS:
                    raise ModelError(f"expected at most {MAX_PARTS} parts")
                yield primitive, pose


def _posed_nodes(container: GlbContainer) -> Iterator[tuple[dict[str, Any], Pose]]:
    """Nodes of the scene in depth-first order with their poses; a node with two parents is refused."""
    if "scenes" in container.header:
        roots = container.entry("scenes", container.header.get("scene", 0)).get("nodes", [])
    else:
        children = {child for node in container.header.get("nodes", []) for child in node.get("children", [])}
        roots = [index for index in range(len(container.header.get("nodes", []))) if index not in children]
    pending = [(index, np.eye(4)) for index in reversed(roots)]
    visited = set()
    while pending:
        index, parent = pending.pop()
        if index in visited:
            raise ModelError(f"node {index} has two parents or is its own ancestor")
        visited.add(index)
        node = container.entry("nodes", index)
        pose = parent @ _local_pose(node)
        yield node, pose
        pending.extend((child, pose) for child in reversed(node.get("children", [])))


def _local_pose(node: dict[str, Any]) -> Pose:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = map(float, node.get("rotation", (0.0, 0.0, 0.0, 1.0)))
    pose = quaternion_matrix([w, x, y, z])
    pose[:3, :3] *= np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    pose[:3, 3] = np.array(node.get("translation", (0.0, 0.0, 0.0)), dtype=np.float64)
    return pose


def _count_triangles(container: GlbContainer, primitive: dict[str, Any]) -> int:
    n_corners = container.count(primitive.get("indices", primitive["attributes"]["POSITION"]))
    return n_corners // 3 if primitive.get("mode", TRIANGLES) == TRIANGLES else max(n_corners - 2, 0)


def _import_primitive(
    container: GlbContainer, primitive: dict[str, Any], pose: Pose, materials: _MaterialReader
) -> MaterialPart:
    attributes = primitive["attributes"]
    positions = container.array(attributes["POSITION"]).astype(np.float64)
    faces = _read_faces(container, primitive, len(positions))
    bound = materials.read(primitive.get("material"))
    has_texture = bound.material.texture is not None
    return MaterialPart(
        vertices=positions @ pose[:3, :3].T + pose[:3, 3],
        faces=faces[:, ::-1].copy() if np.linalg.det(pose[:3, :3]) < 0.0 else faces,
        material=bound.material,
        normals=_read_normals(container, attributes, pose, len(positions)),
        uv=_read_uv(container, attributes, bound, len(positions)) if has_texture else None,
        colours=_read_colours(container, attributes, len(positions)),
    )


def _read_faces(container: GlbContainer, primitive: dict[str, Any], n_vertices: int) -> Int[np.ndarray, "f 3"]:
    if "indices" in primitive:
        corners = container.array(primitive["indices"])[:, 0].astype(np.int64)
    else:
        corners = np.arange(n_vertices, dtype=np.int64)
    if corners.max() >= n_vertices:
        raise ModelError(f"a triangle names vertex {corners.max()} of {n_vertices}")
    mode = primitive.get("mode", TRIANGLES)
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == FAN:
        return np.column_stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]])
    strip = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip


def _read_normals(
    container: GlbContainer, attributes: dict[str, int], pose: Pose, n_vertices: int
) -> Float[np.ndarray, "v 3"] | None:
    if "NORMAL" not in attributes or abs(np.linalg.det(pose[:3, :3])) < 1e-12:
        return None
    normals = _read_attribute(container, attributes["NORMAL"], n_vertices)[:, :3] @ np.linalg.inv(pose[:3, :3])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / lengths if np.isfinite(normals).all() and (lengths > 0.0).all() else None


def _read_uv(
    container: GlbContainer, attributes: dict[str, int], bound: _GltfMaterial, n_vertices: int
) -> Float[np.ndarray, "v 2"]:
    if bound.coordinates not in attributes:
        return np.zeros((n_vertices, 2))
    uv = _read_attribute(container, attributes[bound.coordinates], n_vertices)[:, :2].astype(np.float64)
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
    colours = _read_attribute(container, attributes["COLOR_0"], n_vertices)
    if colours.dtype.kind in "iu":  # not marked as normalised, although glTF requires it
        colours = colours / np.iinfo(colours.dtype).max
    colours = np.nan_to_num(colours[:, :3].astype(np.float64), posinf=1.0).clip(0.0, 1.0)
    return None if (colours == 1.0).all() else colours


def _read_attribute(container: GlbContainer, index: int, n_vertices: int) -> Num[np.ndarray, "v c"]:
    if container.count(index) != n_vertices:
        raise ModelError(f"expected an attribute of {n_vertices} vertices, got {container.count(index)} values")
    return container.array(index)
