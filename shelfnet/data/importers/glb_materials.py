"""Base colours and textures of GLB files."""

import io
import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.data.images import ImageError
from shelfnet.data.importers.baking import tint_texture
from shelfnet.data.importers.glb_container import GlbContainer
from shelfnet.data.importers.material_parts import REPEATED, WHITE, Wrap
from shelfnet.data.obj.materials import NEUTRAL_GREY, Material, load_texture
from shelfnet.data.obj.reader import ModelError
from shelfnet.geometry.colours import srgb_from_linear

SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
TEXTURE_TRANSFORM = "KHR_texture_transform"
WEBP = "EXT_texture_webp"
WRAPS = {10497: Wrap.REPEAT, 33648: Wrap.MIRROR, 33071: Wrap.CLAMP}
"""Wrap modes by their OpenGL numbers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GltfMaterial:
    """A material with the name of its texture coordinates, their transform, and its wrap modes in u and v."""

    material: Material
    coordinates: str = "TEXCOORD_0"
    transform: Float[np.ndarray, "2 3"] | None = None
    wrap: tuple[Wrap, Wrap] = REPEATED


class MaterialReader:
    """Reads every material and decodes every image of a file once."""

    def __init__(self, container: GlbContainer) -> None:
        self._container = container
        self._materials: dict[int | None, GltfMaterial] = {None: GltfMaterial(WHITE)}
        self._images: dict[int, UInt8[np.ndarray, "h w 3"]] = {}

    def read(self, index: int | None) -> GltfMaterial:
        """Material by index; white for ``None``.

        Raises:
            ModelError: There is no such material, or its texture cannot be used.
        """
        if index is not None and index not in self._materials:
            self._materials[index] = self._read(self._container.entry("materials", index))
        return self._materials[index]

    def _read(self, material: dict[str, Any]) -> GltfMaterial:
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
        return GltfMaterial(_plain(factor))

    def _read_textured(self, reference: dict[str, Any], factor: Float[np.ndarray, "3"]) -> GltfMaterial:
        settings = reference.get("extensions", {}).get(TEXTURE_TRANSFORM, {})
        coordinates = settings.get("texCoord", reference.get("texCoord", 0))
        texture = self._container.entry("textures", reference["index"])
        image = texture.get("extensions", {}).get(WEBP, {}).get("source", texture.get("source"))
        if image is None:
            return GltfMaterial(self._without_image(reference["index"], texture, factor))
        if image not in self._images:
            self._images[image] = _decode_image(self._container.image(image))
        pixels = self._images[image]
        if (factor < 1.0).any():
            pixels = tint_texture(pixels, factor)
        return GltfMaterial(
            Material(WHITE.colour, pixels), f"TEXCOORD_{coordinates}", _texture_transform(settings), self._wrap(texture)
        )

    def _without_image(self, index: int, texture: dict[str, Any], factor: Float[np.ndarray, "3"]) -> Material:
        """The colour that multiplies a missing image, or grey where it would have no effect."""
        extensions = ", ".join(map(str, texture.get("extensions", {})))
        reason = f"only in an extension that is not supported ({extensions})" if extensions else "missing"
        log.warning(
            "%s: the image of texture %d is %s; its material has no texture", self._container.name, index, reason
        )
        return _plain(factor) if (factor < 1.0).any() else Material(NEUTRAL_GREY)

    def _wrap(self, texture: dict[str, Any]) -> tuple[Wrap, Wrap]:
        sampler = self._container.entry("samplers", texture["sampler"]) if "sampler" in texture else {}
        across, along = (WRAPS.get(sampler.get(key, 0), Wrap.REPEAT) for key in ("wrapS", "wrapT"))
        return across, along


def _plain(factor: Float[np.ndarray, "3"]) -> Material:
    red, green, blue = srgb_from_linear(factor).tolist()
    return Material((red, green, blue))


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
