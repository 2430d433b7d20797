"""The parser of MTL files: colours and textures of materials."""

import re
from dataclasses import dataclass, replace

import numpy as np

MAX_SCALE = 1e6
"""Largest factor or offset of texture coordinates; larger ones are ignored."""
TEXTURE_OPTION = re.compile(
    r"-(?:(?P<place>o|s|t)(?P<numbers>(?:\s+[-+.\deE]+){1,3})|mm(?:\s+\S+){2}|"
    r"(?:blendu|blendv|boost|texres|clamp|bm|imfchan|cc|type)\s+\S+)\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TexturePlacement:
    """Texture coordinates ``scale * uv + offset``, as in the options ``-s`` and ``-o``."""

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


UNPLACED = TexturePlacement()


@dataclass(frozen=True)
class MtlEntry:
    """Colour and texture of a material in an MTL file."""

    colour: tuple[float, float, float] | None = None
    texture: str | None = None
    placement: TexturePlacement = UNPLACED


def parse_mtl(text: str) -> dict[str, MtlEntry]:
    """Colours (``Kd``) and textures (``map_Kd``) of an MTL file by material; other statements are skipped.

    Letter case of keywords is ignored.
    """
    entries: dict[str, MtlEntry] = {}
    name = None
    for line in text.splitlines():
        keyword, *words = line.strip().split(maxsplit=1) or [""]
        rest = words[0] if words else ""
        if keyword.lower() == "newmtl":
            name = rest
            entries[name] = MtlEntry()
        elif name is not None and keyword.lower() == "kd":
            entries[name] = replace(entries[name], colour=_parse_colour(rest))
        elif name is not None and keyword.lower() == "map_kd":
            texture, placement = _parse_texture(rest)
            entries[name] = replace(entries[name], texture=texture, placement=placement)
    return entries


def _parse_colour(text: str) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (float(word) for word in text.split()[:3])
    except ValueError:
        return None
    colour = np.array([red, green, blue])
    return tuple(colour.clip(0.0, 1.0).tolist()) if np.isfinite(colour).all() else None


def _parse_texture(text: str) -> tuple[str, TexturePlacement]:
    """Name and placement of a texture, after its options."""
    placement = UNPLACED
    while match := TEXTURE_OPTION.match(text):
        option = (match["place"] or "").lower()
        if option == "s":
            placement = replace(placement, scale=_pair(match["numbers"], placement.scale))
        elif option == "o":
            placement = replace(placement, offset=_pair(match["numbers"], placement.offset))
        text = text[match.end() :]
    return text.strip(), placement


def _pair(text: str, default: tuple[float, float]) -> tuple[float, float]:
    """The first two numbers; a missing one is that of ``default``, which also replaces unusable numbers."""
    try:
        numbers = [float(word) for word in text.split()[:2]]
    except ValueError:
        return default
    if not all(abs(number) <= MAX_SCALE for number in numbers):
        return default
    u, v = [*numbers, *default[len(numbers) :]]
    return u, v
