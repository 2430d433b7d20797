"""GLB files made by others as parts: the triangles of the scene, their base colours and textures, vertex colours."""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num, UInt8
from trimesh.transformations import quaternion_matrix

from shelfnet.data.images import ImageError
from shelfnet.data.importers.gltf_document import GltfDocument, read_document
from shelfnet.data.importers.parts import MAX_PARTS, Part, check_counts, merge_parts
from shelfnet.data.obj.materials import Material, load_texture
from shelfnet.data.obj.reader import ModelError
from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear

TRIANGLES, STRIP, FAN = 4, 5, 6
WHITE = (1.0, 1.0, 1.0)
SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
TEXTURE_TRANSFORM = "KHR_texture_transform"


def read_glb(path: Path, max_faces: int) -> list[Part]:
    """The scene of a GLB file, in metres and +Y up as its standard says.

    Colours of materials and vertices are linear in the file and multiply; opacity, and every texture but the base
    colour's, are left aside. Skins and animations are too: the meshes are as they were modelled.

    Raises:
        ModelError: broken, too large, without triangles, or it refers to anything outside of itself.
    """
    try:
        document = read_document(path)
        drawn = list(_drawn(document))
        check_counts(
            sum(document.count(_attributes(primitive)["POSITION"]) for primitive, _ in drawn),
            sum(_n_triangles(document, primitive) for primitive, _ in drawn),
            max_faces,
        )
        materials = _Materials(document)
        return merge_parts([_part(document, primitive, pose, materials) for primitive, pose in drawn])
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"{path.name}: broken glTF ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class _Look:
    """A material, and how texture coordinates reach its texture."""

    material: Material
    coordinates: str = "TEXCOORD_0"
    transform: Float[np.ndarray, "2 3"] | None = None


class _Materials:
    """Looks by material index; each texture is decoded once for each colour that multiplies it."""

    def __init__(self, document: GltfDocument) -> None:
        self._document = document
        self._looks: dict[int | None, _Look] = {None: _Look(Material(WHITE))}
        self._pixels: dict[int, UInt8[np.ndarray, "h w 3"]] = {}

    def look(self, index: int | None) -> _Look:
        """What a primitive with this material looks like; white where it has none."""
        if index not in self._looks:
            self._looks[index] = self._read(self._document.entry("materials", index))
        return self._looks[index]

    def _read(self, material: dict[str, Any]) -> _Look:
        extensions = material.get("extensions", {})
        if SPECULAR_GLOSSINESS in extensions:
            names, settings = ("diffuseFactor", "diffuseTexture"), extensions[SPECULAR_GLOSSINESS]
        else:
            names, settings = ("baseColorFactor", "baseColorTexture"), material.get("pbrMetallicRoughness", {})
        factor = np.array(settings.get(names[0], WHITE), dtype=np.float64)[:3]
        if factor.shape != (3,) or not np.isfinite(factor).all():
            raise ModelError(f"expected a colour of a material, got {settings[names[0]]!r}")
        factor = factor.clip(0.0, 1.0)
        colour = tuple(srgb_from_linear(factor).tolist())
        return self._textured(settings[names[1]], factor) if names[1] in settings else _Look(Material(colour))

    def _textured(self, reference: dict[str, Any], factor: Float[np.ndarray, "3"]) -> _Look:
        settings = reference.get("extensions", {}).get(TEXTURE_TRANSFORM, {})
        coordinates = settings.get("texCoord", reference.get("texCoord", 0))
        texture = self._document.entry("textures", reference["index"])
        webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
        pixels = self._decoded(webp.get("source", texture.get("source")))
        if (factor < 1.0).any():
            scaled = srgb_from_linear(linear_from_srgb(pixels / 255.0) * factor)
            pixels = (scaled * 255.0).round().astype(np.uint8)
        return _Look(Material(WHITE, pixels), f"TEXCOORD_{coordinates}", _texture_transform(settings))

    def _decoded(self, image: int) -> UInt8[np.ndarray, "h w 3"]:
        if image not in self._pixels:
            self._pixels[image] = _decode(self._document.image(image))
        return self._pixels[image]


def _decode(content: bytes | memoryview) -> UInt8[np.ndarray, "h w 3"]:
    with tempfile.NamedTemporaryFile(prefix="shelfnet-texture-") as file:
        file.write(content)
        file.flush()
        try:
            return load_texture(Path(file.name))
        except ImageError as error:
            raise ModelError(f"its texture cannot be used: {str(error).removeprefix(file.name + ': ')}") from error


def _texture_transform(settings: dict[str, Any]) -> Float[np.ndarray, "2 3"] | None:
    """Scale, then rotation from u to -v, then offset, on coordinates with their origin at the upper left."""
    if not settings:
        return None
    cos, sin = math.cos(settings.get("rotation", 0.0)), math.sin(settings.get("rotation", 0.0))
    scale = np.array(settings.get("scale", (1.0, 1.0)), dtype=np.float64)
    offset = np.array(settings.get("offset", (0.0, 0.0)), dtype=np.float64)
    return np.column_stack([np.array([[cos, sin], [-sin, cos]]) * scale, offset])


def _drawn(document: GltfDocument) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "4 4"]]]:
    """Primitives with triangles and the pose of each; a node that is reached twice is refused."""
    n_parts = 0
    for node, pose in _nodes(document):
        if "mesh" not in node:
            continue
        for primitive in document.entry("meshes", node["mesh"])["primitives"]:
            if primitive.get("mode", TRIANGLES) in (TRIANGLES, STRIP, FAN):
                n_parts += 1
                if n_parts > MAX_PARTS:
                    raise ModelError(f"expected at most {MAX_PARTS} pieces")
                yield primitive, pose


def _nodes(document: GltfDocument) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "4 4"]]]:
    if "scenes" in document.header:
        roots = document.entry("scenes", document.header.get("scene", 0)).get("nodes", [])
    else:
        children = {child for node in document.header.get("nodes", []) for child in node.get("children", [])}
        roots = [index for index in range(len(document.header.get("nodes", []))) if index not in children]
    pending = [(index, np.eye(4)) for index in reversed(roots)]
    reached = set()
    while pending:
        index, parent = pending.pop()
        if index in reached:
            raise ModelError(f"node {index} is below two others or below itself")
        reached.add(index)
        node = document.entry("nodes", index)
        pose = parent @ _local_pose(node)
        yield node, pose
        pending.extend((child, pose) for child in reversed(node.get("children", [])))


def _local_pose(node: dict[str, Any]) -> Float[np.ndarray, "4 4"]:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = map(float, node.get("rotation", (0.0, 0.0, 0.0, 1.0)))
    pose = quaternion_matrix([w, x, y, z])
    pose[:3, :3] *= np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    pose[:3, 3] = np.array(node.get("translation", (0.0, 0.0, 0.0)), dtype=np.float64)
    return pose


def _attributes(primitive: dict[str, Any]) -> dict[str, int]:
    return primitive["attributes"]


def _n_triangles(document: GltfDocument, primitive: dict[str, Any]) -> int:
    n_corners = document.count(primitive.get("indices", _attributes(primitive)["POSITION"]))
    return n_corners // 3 if primitive.get("mode", TRIANGLES) == TRIANGLES else max(n_corners - 2, 0)


def _part(
    document: GltfDocument, primitive: dict[str, Any], pose: Float[np.ndarray, "4 4"], materials: _Materials
) -> Part:
    attributes = _attributes(primitive)
    positions = document.array(attributes["POSITION"]).astype(np.float64)
    faces = _faces(document, primitive, len(positions))
    look = materials.look(primitive.get("material"))
    has_texture = look.material.texture is not None
    return Part(
        vertices=positions @ pose[:3, :3].T + pose[:3, 3],
        faces=faces[:, ::-1].copy() if np.linalg.det(pose[:3, :3]) < 0.0 else faces,
        material=look.material,
        normals=_normals(document, attributes, pose, len(positions)),
        uv=_uv(document, attributes, look, len(positions)) if has_texture else None,
        colours=_colours(document, attributes, len(positions)),
    )


def _faces(document: GltfDocument, primitive: dict[str, Any], n_vertices: int) -> Int[np.ndarray, "f 3"]:
    if "indices" in primitive:
        corners = document.array(primitive["indices"])[:, 0].astype(np.int64)
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


def _normals(
    document: GltfDocument, attributes: dict[str, int], pose: Float[np.ndarray, "4 4"], n_vertices: int
) -> Float[np.ndarray, "v 3"] | None:
    if "NORMAL" not in attributes or abs(np.linalg.det(pose[:3, :3])) < 1e-12:
        return None
    normals = _of_vertices(document, attributes["NORMAL"], n_vertices)[:, :3] @ np.linalg.inv(pose[:3, :3])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / lengths if np.isfinite(normals).all() and (lengths > 0.0).all() else None


def _uv(document: GltfDocument, attributes: dict[str, int], look: _Look, n_vertices: int) -> Float[np.ndarray, "v 2"]:
    if look.coordinates not in attributes:
        return np.zeros((n_vertices, 2))
    uv = _of_vertices(document, attributes[look.coordinates], n_vertices)[:, :2].astype(np.float64)
    if look.transform is not None:
        uv = uv @ look.transform[:, :2].T + look.transform[:, 2]
    flipped = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]])
    return np.where(np.isfinite(flipped), flipped, 0.0)


def _colours(document: GltfDocument, attributes: dict[str, int], n_vertices: int) -> Float[np.ndarray, "v 3"] | None:
    """Vertex colours in linear RGB, or None where they are all white."""
    if "COLOR_0" not in attributes:
        return None
    colours = _of_vertices(document, attributes["COLOR_0"], n_vertices)
    if colours.dtype.kind in "iu":  # not marked as normalised, though the standard wants it
        colours = colours / np.iinfo(colours.dtype).max
    colours = np.nan_to_num(colours[:, :3].astype(np.float64), posinf=1.0).clip(0.0, 1.0)
    return None if (colours == 1.0).all() else colours


def _of_vertices(document: GltfDocument, index: int, n_vertices: int) -> Num[np.ndarray, "v c"]:
    if document.count(index) != n_vertices:
        raise ModelError(f"expected {n_vertices} elements beside the positions, got {document.count(index)}")
    return document.array(index)
