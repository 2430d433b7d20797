"""Materials of a model: its MTL file and textures, read only from its own folder.

Everything is opaque: ``d``, ``Tr`` and the alpha of textures are ignored, because many exporters write them wrongly and
masks would get holes. Texture options (``-s``, ``-o``, ...) are skipped.
"""

import io
import logging
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from shelfnet.data.images import TEXTURE_FORMATS, ImageError, check_size
from shelfnet.data.obj.parser import ObjModel, decode_text
from shelfnet.data.obj.reader import file_inside
from shelfnet.data.obj.writer import ObjText

log = logging.getLogger(__name__)

NEUTRAL_GREY = (0.6, 0.6, 0.6)
FALLBACK_TEXTURE = "texture.png"
MAX_TEXTURE_SIDE_PX = 1024
MAX_MTL_BYTES = 16 * 2**20
TEXTURE_OPTION = re.compile(
    r"-(?:(?:o|s|t)(?:\s+[-+.\deE]+){1,3}|mm(?:\s+\S+){2}|"
    r"(?:blendu|blendv|boost|texres|clamp|bm|imfchan|cc|type)\s+\S+)\s+"
)


@dataclass(frozen=True)
class Material:
    """An sRGB texture (first row on top) or, without one, an sRGB colour."""

    colour: tuple[float, float, float] = NEUTRAL_GREY
    texture: UInt8[np.ndarray, "h w 3"] | None = None


@dataclass(frozen=True)
class MtlEntry:
    """Colour and texture name of a material in an MTL file."""

    colour: tuple[float, float, float] | None = None
    texture: str | None = None


@dataclass(frozen=True)
class ModelMaterials:
    """Materials of a model by index, and the material of faces without one."""

    numbered: tuple[Material, ...] = ()
    unnamed: Material = field(default_factory=Material)


def read_materials(folder: Path, obj: ObjModel | ObjText) -> ModelMaterials:
    """The materials of an OBJ; unusable textures and libraries are logged and replaced.

    A material uses its ``map_Kd``, else its ``Kd``. If the library lacks the material, or its texture cannot be used,
    it uses ``texture.png`` next to the OBJ, else its ``Kd`` or a neutral grey.
    """
    entries = _read_libraries(folder, obj.libraries)
    textures = _TextureFolder(folder)
    return ModelMaterials(
        numbered=tuple(_material(entries.get(name), textures) for name in obj.materials),
        unnamed=_material(None, textures),
    )


def parse_mtl(text: str) -> dict[str, MtlEntry]:
    """Colours (``Kd``) and textures (``map_Kd``) of an MTL file by material; other statements are skipped."""
    entries: dict[str, MtlEntry] = {}
    name = None
    for line in text.splitlines():
        keyword, *words = line.strip().split(maxsplit=1) or [""]
        rest = words[0] if words else ""
        if keyword == "newmtl":
            name = rest
            entries[name] = MtlEntry()
        elif name is not None and keyword == "Kd":
            entries[name] = MtlEntry(_parse_colour(rest), entries[name].texture)
        elif name is not None and keyword == "map_Kd":
            entries[name] = MtlEntry(entries[name].colour, _texture_name(rest))
    return entries


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


class _TextureFolder:
    """Textures of one folder, each decoded once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._decoded: dict[Path, UInt8[np.ndarray, "h w 3"] | None] = {}

    def get(self, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
        """The texture of that name, or None (and a log message) if it cannot be used."""
        path = file_inside(self.folder, name)
        if path is None:
            log.warning("%s: no texture %r inside the model's folder", self.folder.name, name)
            return None
        if path not in self._decoded:
            try:
                self._decoded[path] = load_texture(path)
            except ImageError as error:
                log.warning("%s: texture cannot be used: %s", self.folder.name, error)
                self._decoded[path] = None
        return self._decoded[path]

    def fallback(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """``texture.png`` next to the OBJ, if it exists."""
        return self.get(FALLBACK_TEXTURE) if file_inside(self.folder, FALLBACK_TEXTURE) else None


def _material(entry: MtlEntry | None, textures: _TextureFolder) -> Material:
    if entry is None:
        return Material(texture=textures.fallback())
    colour = entry.colour or NEUTRAL_GREY
    if entry.texture is None:
        return Material(colour)
    texture = textures.get(entry.texture)
    return Material(colour, texture if texture is not None else textures.fallback())


def _read_libraries(folder: Path, libraries: tuple[str, ...]) -> dict[str, MtlEntry]:
    entries: dict[str, MtlEntry] = {}
    for name in libraries:
        path = file_inside(folder, name)
        if path is None or path.stat().st_size > MAX_MTL_BYTES:
            log.warning("%s: no usable material library %r inside the model's folder", folder.name, name)
            continue
        entries |= parse_mtl(decode_text(path.read_bytes()).lstrip("\ufeff"))
    return entries


def _parse_colour(text: str) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (float(word) for word in text.split()[:3])
    except ValueError:
        return None
    colour = np.array([red, green, blue])
    return tuple(colour.clip(0.0, 1.0).tolist()) if np.isfinite(colour).all() else None


def _texture_name(text: str) -> str:
    while match := TEXTURE_OPTION.match(text):
        text = text[match.end() :]
    return text.strip()


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    check_size(image)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    opaque = image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    opaque.thumbnail((MAX_TEXTURE_SIDE_PX, MAX_TEXTURE_SIDE_PX))
    return np.asarray(opaque)
