"""Sample compatible tags (style, material, theme, category) and the archetype behind them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shelfnet.procedural import vocabulary
from shelfnet.procedural.archetypes import bent_metal, chinese, framed, shells, stools, swivel, upholstered
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.parts import FurniturePart
from shelfnet.procedural.styles import STYLE_TRAITS

CLOTHS = ("Cloth", "Rough Cloth", "Suede")
LEATHERS = ("Leather", "Smooth Leather")
SOFT = CLOTHS + LEATHERS
WOODS = ("Solid Wood", "Wood")
BOARDS = ("Plywood", "Composite Board")
MINERALS = ("Marble", "Stone")

CHINESE_STYLES = ("Ming Qing", "New Chinese", "Chinoiserie")
ORNATE_STYLES = ("European", "European Classic", "Neoclassical", "Light Luxury", "Korean")
COUNTRY_STYLES = ("American Country", "Mediterranean", "European", "Korean", "Nordic", "Vintage/Retro")
PLAIN_STYLES = ("Modern", "Minimalist", "Nordic", "Industrial", "Vintage/Retro", "Japanese", "Others")
WOODLESS_STYLES = ("Industrial", "Light Luxury")
EVERY_STYLE = vocabulary.STYLES
SOFA_STYLES = tuple(style for style in EVERY_STYLE if style != "Ming Qing")


@dataclass(frozen=True)
class Archetype:
    """A kind of seat and its possible tags.

    Attributes:
        name: Name for reports and tests, not a tag of 3D-FUTURE.
        build: Function that builds its parts.
        categories, styles, materials: Possible tags.
        frame: ``wood``, ``metal``, or ``style`` if the style decides.
        hardware: Whether the trim slot holds dark fittings (castors, columns) instead of the body's edge.
        weight: Relative sampling frequency.
    """

    name: str
    build: Callable[[Design], list[FurniturePart]]
    categories: tuple[str, ...]
    styles: tuple[str, ...]
    materials: tuple[str, ...]
    frame: str = "style"
    hardware: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class FurnitureTags:
    """Tags of a piece, and the archetype behind them."""

    archetype: Archetype
    category: str
    style: str
    material: str
    theme: str | None


ARCHETYPES = (
    Archetype(
        "dining_chair",
        framed.dining_chair,
        (vocabulary.DINING,),
        EVERY_STYLE,
        SOFT + WOODS + ("Plywood", "Composite Board", "Bamboo Rattan", "Metal", "Others"),
        weight=3.0,
    ),
    Archetype(
        "ladder_back",
        framed.ladder_back,
        (vocabulary.DINING,),
        (*COUNTRY_STYLES, "Southeast Asia"),
        (*WOODS, "Bamboo Rattan"),
        frame="wood",
    ),
    Archetype("windsor", framed.windsor, (vocabulary.DINING, vocabulary.LOUNGE), COUNTRY_STYLES, WOODS, frame="wood"),
    Archetype(
        "medallion",
        framed.medallion,
        (vocabulary.DINING, vocabulary.DRESSING),
        ("European", "European Classic", "Neoclassical", "Korean"),
        SOFT,
        frame="wood",
    ),
    Archetype(
        "cantilever",
        bent_metal.cantilever,
        (vocabulary.DINING, vocabulary.LOUNGE),
        PLAIN_STYLES,
        (*SOFT, "Plywood", "Bamboo Rattan", "Composition", "Metal"),
        frame="metal",
    ),
    Archetype(
        "folding_chair",
        bent_metal.folding_chair,
        (vocabulary.FOLDING,),
        (*PLAIN_STYLES, "Mediterranean", "Kids", "American Country", "Southeast Asia"),
        ("Cloth", "Rough Cloth", "Leather", *WOODS, "Plywood", "Metal", "Bamboo Rattan"),
    ),
    Archetype(
        "office_chair",
        swivel.office_chair,
        (vocabulary.LOUNGE,),
        ("Modern", "Minimalist", "Others", "Industrial", "Vintage/Retro", "Light Luxury", "Kids"),
        (*SOFT, "Composition", "Others"),
        frame="metal",
        hardware=True,
        weight=1.3,
    ),
    Archetype(
        "shell_chair",
        shells.shell_chair,
        (vocabulary.LOUNGE, vocabulary.DINING),
        (*PLAIN_STYLES, "Kids", "Light Luxury"),
        ("Composition", "Others", "Plywood", "Cloth", "Leather", "Bamboo Rattan", "Metal"),
        weight=1.3,
    ),
    Archetype(
        "lounge_chair",
        shells.lounge_chair,
        (vocabulary.LOUNGE,),
        (*PLAIN_STYLES, "Southeast Asia", "American Country", "New Chinese", "Mediterranean"),
        (*SOFT, *WOODS, "Bamboo Rattan"),
        weight=1.3,
    ),
    Archetype("club_armchair", upholstered.club_armchair, (vocabulary.ARMCHAIR,), SOFA_STYLES, SOFT, weight=1.2),
    Archetype("loveseat", upholstered.loveseat, (vocabulary.LOVESEAT,), SOFA_STYLES, SOFT, weight=0.4),
    Archetype(
        "wing_chair",
        upholstered.wing_chair,
        (vocabulary.ARMCHAIR,),
        (
            "European",
            "European Classic",
            "American Country",
            "Neoclassical",
            "Vintage/Retro",
            "Nordic",
            "Mediterranean",
        ),
        SOFT,
        frame="wood",
        weight=1.2,
    ),
    Archetype(
        "tub_chair",
        upholstered.tub_chair,
        (vocabulary.ARMCHAIR, vocabulary.LOUNGE),
        ("Modern", "Light Luxury", "Vintage/Retro", "Nordic", "Korean", "Minimalist", "Neoclassical", "Kids", "Others"),
        SOFT,
        weight=1.2,
    ),
    Archetype(
        "vanity_chair",
        upholstered.vanity_chair,
        (vocabulary.DRESSING,),
        ("Light Luxury", "Korean", "European", "Modern", "Neoclassical", "Nordic", "Vintage/Retro"),
        SOFT,
    ),
    Archetype(
        "yoke_back",
        chinese.yoke_back,
        (vocabulary.CHINESE,),
        CHINESE_STYLES,
        (*WOODS, "Cloth", "Bamboo Rattan"),
        frame="wood",
        weight=1.2,
    ),
    Archetype(
        "horseshoe",
        chinese.horseshoe,
        (vocabulary.CHINESE,),
        CHINESE_STYLES,
        (*WOODS, "Cloth", "Leather"),
        frame="wood",
    ),
    Archetype(
        "bar_stool",
        stools.bar_stool,
        (vocabulary.BARSTOOL,),
        EVERY_STYLE,
        (*SOFT, *WOODS, "Plywood", "Metal", "Bamboo Rattan"),
        weight=1.3,
    ),
    Archetype(
        "pedestal_bar_stool",
        stools.pedestal_bar_stool,
        (vocabulary.BARSTOOL,),
        ("Modern", "Industrial", "Minimalist", "Light Luxury", "Vintage/Retro", "Others"),
        (*SOFT, "Composition", "Metal", "Plywood"),
        frame="metal",
        weight=0.8,
    ),
    Archetype(
        "stool",
        stools.stool,
        (vocabulary.STOOL,),
        EVERY_STYLE,
        (*SOFT, *WOODS, *BOARDS, *MINERALS, "Metal"),
        weight=1.0,
    ),
    Archetype(
        "drum_stool",
        stools.drum_stool,
        (vocabulary.STOOL,),
        (*CHINESE_STYLES, *ORNATE_STYLES, "Modern", "Southeast Asia", "Kids"),
        (*CLOTHS, "Leather", "Marble", "Stone", "Bamboo Rattan", "Composition"),
        weight=0.8,
    ),
    Archetype("bench", stools.bench, (vocabulary.STOOL,), EVERY_STYLE, (*SOFT, *WOODS, *BOARDS, *MINERALS), weight=0.9),
)

# Materials and styles that each theme is compatible with.
THEME_RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Smooth Net": (("Composition", "Others"), ("Modern", "Minimalist", "Others", "Industrial", "Light Luxury")),
    "Lines": ((*CLOTHS, "Composition", *WOODS, *BOARDS), EVERY_STYLE),
    "Wrought Iron": (("Metal",), EVERY_STYLE),
    "Cartoon": (("Cloth", "Composition", "Others", "Wood", "Plywood"), ("Kids",)),
    "Granite Texture": (MINERALS, EVERY_STYLE),
    "Floral": (CLOTHS, (*COUNTRY_STYLES, *ORNATE_STYLES, "Chinoiserie", "Southeast Asia")),
    "Inlay Gold Carve": ((*WOODS, *LEATHERS), (*CHINESE_STYLES, *ORNATE_STYLES)),
    "Texture Mark": ((*CLOTHS, *LEATHERS, "Bamboo Rattan", "Composite Board"), EVERY_STYLE),
    "Striped Grid": (("Cloth", "Rough Cloth"), (*COUNTRY_STYLES, "Japanese", "Modern", "Kids")),
    "Chinese Pattern": ((*CLOTHS, *WOODS), CHINESE_STYLES),
    "Gold Foil": (("Metal", "Smooth Leather", "Marble"), ("Light Luxury", "Neoclassical", "European Classic")),
    "Rivet": ((*LEATHERS, "Metal"), ("Industrial", "American Country", "European Classic", "Vintage/Retro")),
    "Soft Case": (("Leather", "Smooth Leather", "Suede", "Cloth"), EVERY_STYLE),
    "Wooden Vertical Texture": ((*WOODS, "Plywood"), EVERY_STYLE),
    "Graffiti Ink Stain": (("Cloth", "Composition", "Others"), ("Modern", "Industrial", "Others", "New Chinese")),
    "Linen Texture": (("Cloth", "Rough Cloth"), EVERY_STYLE),
}

THEMED_SHARE = 0.55
QUILTED_SHARE = 0.12
WROUGHT_BACKS = ("dining_chair", "bar_stool")


def sample_tags(rng: np.random.Generator) -> FurnitureTags:
    """Sample an archetype by weight and compatible tags."""
    weights = np.array([archetype.weight for archetype in ARCHETYPES])
    archetype = ARCHETYPES[int(rng.choice(len(ARCHETYPES), p=weights / weights.sum()))]
    style = _pick(rng, archetype.styles)
    material = _pick(rng, materials_for(archetype, style))
    themes = themes_for(archetype, style, material)
    theme = _pick(rng, themes) if themes and rng.random() < THEMED_SHARE else None
    return FurnitureTags(archetype, _pick(rng, archetype.categories), style, material, theme)


def materials_for(archetype: Archetype, style: str) -> tuple[str, ...]:
    """Materials of an archetype that are compatible with a style."""
    allowed = set(archetype.materials)
    if archetype.frame == "style" and style in WOODLESS_STYLES:
        allowed -= {"Bamboo Rattan", "Others"}
    if archetype.frame == "style" and STYLE_TRAITS[style].metal_frame == 0.0:
        allowed -= {"Metal"}
    if style in {"Ming Qing", "Japanese"}:
        allowed -= {"Metal", "Composition", "Others", "Smooth Leather"}
    return tuple(material for material in archetype.materials if material in allowed)


def themes_for(archetype: Archetype, style: str, material: str) -> tuple[str, ...]:
    """Themes that are compatible with an archetype, style and material."""
    fitting = [theme for theme, (materials, styles) in THEME_RULES.items() if material in materials and style in styles]
    if archetype.name not in WROUGHT_BACKS:
        fitting = [theme for theme in fitting if theme != "Wrought Iron"]
    if archetype.name != "office_chair":
        fitting = [theme for theme in fitting if theme != "Smooth Net"]
    return tuple(fitting)


def design_for(tags: FurnitureTags, rng: np.random.Generator) -> Design:
    """Design parameters for given tags."""
    traits = STYLE_TRAITS[tags.style]
    chance = {"wood": 0.0, "metal": 1.0, "style": traits.metal_frame}[tags.archetype.frame]
    upholstered = tags.material in SOFT
    if tags.material == "Metal":
        chance = 1.0
    elif tags.material in WOODS and tags.style != "Industrial":
        chance = 0.0
    return Design(
        traits=traits,
        style=tags.style,
        upholstered=upholstered,
        metal_frame=bool(rng.random() < chance),
        quilted=upholstered and (tags.theme == "Soft Case" or bool(rng.random() < QUILTED_SHARE)),
        wrought_iron=tags.theme == "Wrought Iron",
        rng=rng,
    )


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
