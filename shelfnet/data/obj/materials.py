"""Materials of a model: its MTL file and textures, read only from its own folder.

Everything is opaque: ``d``, ``Tr`` and the alpha of textures are ignored, because many exporters write them wrongly and
masks would get holes. Of the options of textures, scale (``-s``) and offset (``-o``) are used.
"""

import io
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from shelfnet.data.images import TEXTURE_FORMATS, ImageError, check_size
from shelfnet.data.obj.model_files import ModelFiles, without_comment
from shelfnet.data.obj.mtl import UNPLACED, MtlEntry, TexturePlacement, parse_mtl
from shelfnet.data.obj.parser import decode_text

log = logging.getLogger(__name__)

NEUTRAL_GREY = (0.6, 0.6, 0.6)
FALLBACK_TEXTURE = "texture.png"
MAX_TEXTURE_SIDE_PX = 1024
MAX_MTL_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Material:
    """An sRGB texture (first row on top) or, without one, an sRGB colour.

    Attributes:
        colour: The colour.
        texture: The texture.
        placement: Placement of the texture, not yet applied to the texture coordinates of the model.
    """

    colour: tuple[float, float, float] = NEUTRAL_GREY
    texture: UInt8[np.ndarray, "h w 3"] | None = None
    placement: TexturePlacement = UNPLACED


@dataclass(frozen=True)
class ModelMaterials:
    """Materials of a model by index, and the material of faces without one."""

    numbered: tuple[Material, ...] = ()
    unnamed: Material = field(default_factory=Material)


def read_materials(folder: Path, materials: Sequence[str], libraries: Sequence[str]) -> ModelMaterials:
    """The materials of an OBJ; unusable textures and libraries are logged and replaced.

    A material uses its ``map_Kd``, else its ``Kd``. If the library lacks the material, or its texture cannot be used,
    it uses ``texture.png`` next to the OBJ, else its ``Kd`` or a neutral grey.

    Args:
        folder: Folder of the OBJ.
        materials: Names of the materials.
        libraries: The ``mtllib`` statements, without the keyword.
    """
    files = ModelFiles(folder)
    definitions = _read_libraries(files, libraries)
    textures = _Textures(files)
    return ModelMaterials(
        numbered=tuple(
            _material(definitions.get(name) or definitions.get(without_comment(name)), textures) for name in materials
        ),
        unnamed=_material(None, textures),
    )


def load_texture(source: Path | io.BytesIO) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file, or its bytes as a stream, to opaque sRGB with bounded memory, at most 1024 pixels per side.

    Raises:
        ImageError: The file is not an image, is broken, or has too many pixels.
    """
    name = f"{source}: " if isinstance(source, Path) else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=TEXTURE_FORMATS) as image:
                return _to_rgb(image)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}expected an image ({', '.join(TEXTURE_FORMATS)})") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise ImageError(f"{name}{error}") from error


class _Textures:
    """Textures of one model, each decoded once."""

    def __init__(self, files: ModelFiles) -> None:
        self._files = files
        self._decoded: dict[Path, UInt8[np.ndarray, "h w 3"] | None] = {}

    def get(self, name: str, beside: Path) -> UInt8[np.ndarray, "h w 3"] | None:
        """The texture of that name, or None (and a log message) if it cannot be used."""
        path = self._files.find_named(name, beside)
        if path is None:
            log.warning("%s: no texture %r inside the model's folder", self._files.folder.name, name)
            return None
        return self._decode(path)

    def fallback(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """``texture.png`` next to the OBJ, if it exists."""
        path = self._files.find_relative(FALLBACK_TEXTURE)
        return None if path is None else self._decode(path)

    def _decode(self, path: Path) -> UInt8[np.ndarray, "h w 3"] | None:
        if path not in self._decoded:
            try:
                self._decoded[path] = load_texture(path)
            except ImageError as error:
                log.warning("%s: texture cannot be used: %s", self._files.folder.name, error)
                self._decoded[path] = None
        return self._decoded[path]


@dataclass(frozen=True)
class _Definition:
    """A material of a library, and the folder of the library."""

    entry: MtlEntry
    folder: Path


def _material(definition: _Definition | None, textures: _Textures) -> Material:
    if definition is None:
        return Material(texture=textures.fallback())
    entry = definition.entry
    colour = entry.colour or NEUTRAL_GREY
    if entry.texture is None:
        return Material(colour)
    texture = textures.get(entry.texture, definition.folder)
    if texture is None:
        return Material(colour, textures.fallback())
    return Material(colour, texture, entry.placement)


def _read_libraries(files: ModelFiles, statements: Sequence[str]) -> dict[str, _Definition]:
    """Materials by name, with and without a comment after it; the first definition of a name is used."""
    definitions: dict[str, _Definition] = {}
    for statement in statements:
        paths, missing = files.find_libraries(statement)
        for path in paths:
            if path.stat().st_size > MAX_MTL_BYTES:
                missing.append(path.name)
                continue
            entries = parse_mtl(decode_text(path.read_bytes()).lstrip("\ufeff"))
            definitions = {name: _Definition(entry, path.parent) for name, entry in entries.items()} | definitions
        for name in missing:
            log.warning("%s: no usable material library %r inside the model's folder", files.folder.name, name)
    bare = {without_comment(name): definition for name, definition in reversed(definitions.items())}
    return bare | definitions


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    check_size(image)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    opaque = image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    opaque.thumbnail((MAX_TEXTURE_SIDE_PX, MAX_TEXTURE_SIDE_PX))
    return np.asarray(opaque)
