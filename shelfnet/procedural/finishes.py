"""Choose the texture and colour of each material slot from the tags of a piece."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shelfnet.procedural import textures
from shelfnet.procedural.parts import MaterialSlot
from shelfnet.procedural.styles import DYES, METALS, STYLE_TRAITS, WOODS, StyleTraits
from shelfnet.procedural.tags import WOODS as WOODEN
from shelfnet.procedural.tags import FurnitureTags

BODY_TEXTURES: dict[str, textures.TextureFunction] = {
    "Composition": textures.moulded,
    "Cloth": textures.cloth,
    "Leather": textures.leather,
    "Metal": textures.brushed_metal,
    "Solid Wood": textures.solid_wood,
    "Stone": textures.stone,
    "Plywood": textures.plywood,
    "Others": textures.painted,
    "Suede": textures.suede,
    "Bamboo Rattan": textures.rattan,
    "Rough Cloth": textures.rough_cloth,
    "Wood": textures.fine_wood,
    "Composite Board": textures.composite_board,
    "Marble": textures.marble,
    "Smooth Leather": textures.smooth_leather,
}

HIDES = ("cognac", "chocolate", "black", "tan", "burgundy", "cream")
PLY = ("#e3c99a", "#d8b680", "#c99b62")
CHIPBOARD = ("#c4a57a", "#b59a75", "#a9a49a")
CANE = ("#cfa760", "#b98a4b", "#8a5f35", "#dcc08a")
MARBLES = ("#eeebe5", "#e5ddd0", "#2c2e30", "#4f6a5b", "#d9c3b0")
ROCKS = ("#a5a29b", "#8f8a80", "#c2b69f", "#6e7072")
FITTINGS = ("#2a2b2d", "#3b3d40", "#202124")


@dataclass(frozen=True)
class Finish:
    """Texture and colour of one slot."""

    texture: textures.TextureFunction
    colour: Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Finishes:
    """Finish of every slot, and the second colour of the theme's pattern."""

    by_slot: dict[MaterialSlot, Finish]
    accent: Float[np.ndarray, "3"]


def choose_finishes(tags: FurnitureTags, metal_frame: bool, rng: np.random.Generator) -> Finishes:
    """Choose textures by material and colours by style."""
    traits = STYLE_TRAITS[tags.style]
    body = Finish(BODY_TEXTURES[tags.material], _varied(rng, _body_colour(tags.material, traits, rng)))
    frame = _frame_finish(tags, traits, metal_frame, body, rng)
    trim = _trim_finish(tags, body, rng)
    accent = _accent(traits, body.colour, rng)
    return Finishes({MaterialSlot.BODY: body, MaterialSlot.FRAME: frame, MaterialSlot.TRIM: trim}, accent)


def hex_rgb(code: str) -> Float[np.ndarray, "3"]:
    """``#rrggbb`` as numbers in [0, 1]."""
    return np.array([int(code[k : k + 2], 16) / 255.0 for k in (1, 3, 5)])


def _body_colour(material: str, traits: StyleTraits, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    own = {"Plywood": PLY, "Composite Board": CHIPBOARD, "Bamboo Rattan": CANE, "Marble": MARBLES, "Stone": ROCKS}
    if material in own:
        return hex_rgb(_pick(rng, own[material]))
    if material in WOODEN:
        return hex_rgb(WOODS[_pick(rng, traits.woods)])
    if material == "Metal":
        return hex_rgb(METALS[_pick(rng, traits.metals)])
    if material == "Leather" and rng.random() < 0.65:
        return hex_rgb(DYES[_pick(rng, HIDES)])
    return hex_rgb(DYES[_pick(rng, traits.dyes)])


def _frame_finish(
    tags: FurnitureTags, traits: StyleTraits, metal_frame: bool, body: Finish, rng: np.random.Generator
) -> Finish:
    if tags.material == "Metal":
        return body if rng.random() < 0.7 else Finish(body.texture, _varied(rng, hex_rgb(METALS["iron"])))
    if metal_frame:
        return Finish(textures.brushed_metal, _varied(rng, hex_rgb(METALS[_pick(rng, traits.metals)])))
    if tags.material in WOODEN:
        return body
    if tags.material == "Bamboo Rattan":
        return Finish(textures.bamboo, np.clip(0.92 * body.colour, 0.0, 1.0))
    if tags.material in {"Plywood", "Composite Board"} and rng.random() < 0.5:
        return body
    grain = textures.solid_wood if rng.random() < 0.5 else textures.fine_wood
    return Finish(grain, _varied(rng, hex_rgb(WOODS[_pick(rng, traits.woods)])))


def _trim_finish(tags: FurnitureTags, body: Finish, rng: np.random.Generator) -> Finish:
    if tags.archetype.hardware:
        return Finish(textures.dark_fittings, hex_rgb(_pick(rng, FITTINGS)))
    if tags.material == "Plywood":
        return Finish(textures.laminate_edge, body.colour)
    return Finish(body.texture, body.colour)


def _accent(traits: StyleTraits, body: Float[np.ndarray, "3"], rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A dye of the style that contrasts with the body, or cream or navy if none does."""
    drawn = [hex_rgb(DYES[_pick(rng, traits.dyes)]) for _ in range(3)]
    candidates = [*drawn, hex_rgb(DYES["cream"]), hex_rgb(DYES["navy"])]
    contrast = [float(np.abs(dye - body).sum()) for dye in candidates]
    if max(contrast[:3]) > 0.6:
        return candidates[int(np.argmax(contrast[:3]))]
    return candidates[int(np.argmax(contrast))]


def _varied(rng: np.random.Generator, colour: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Vary brightness and warmth slightly."""
    warmth = rng.normal(0.0, 0.012) * np.array([1.0, 0.0, -1.0])
    return np.clip(colour * np.exp(rng.normal(0.0, 0.07)) + warmth, 0.02, 0.97)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
