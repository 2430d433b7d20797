"""Tags are words of 3D-FUTURE and compatible with one another."""

import json
from pathlib import Path

import numpy as np
import pytest

from shelfnet.procedural import vocabulary
from shelfnet.procedural.archetypes.backs import CREST_RISE, FILLINGS
from shelfnet.procedural.archetypes.legs import LEG_PROFILES
from shelfnet.procedural.finishes import BODY_TEXTURES
from shelfnet.procedural.styles import DYES, METALS, STYLE_TRAITS, WOODS
from shelfnet.procedural.tags import ARCHETYPES, THEME_RULES, materials_for, sample_tags, themes_for
from shelfnet.procedural.themes import THEME_PATTERNS

SHARED = Path(__file__).parents[3] / "shared" / "real" / "vocabulary.json"


def test_tables_use_only_the_vocabulary() -> None:
    assert set(STYLE_TRAITS) == set(vocabulary.STYLES)
    assert set(THEME_RULES) == set(vocabulary.THEMES)
    assert set(BODY_TEXTURES) | {"Glass"} == set(vocabulary.MATERIALS)
    assert set(THEME_PATTERNS) | {"Soft Case", "Wrought Iron"} == set(vocabulary.THEMES)
    categories = {category for group in vocabulary.CATEGORIES.values() for category in group}
    for archetype in ARCHETYPES:
        assert set(archetype.styles) <= set(vocabulary.STYLES), archetype.name
        assert set(archetype.materials) <= set(BODY_TEXTURES), archetype.name
        assert set(archetype.categories) <= categories, archetype.name


def test_vocabulary_matches_the_published_one() -> None:
    if not SHARED.is_file():
        pytest.skip("the published vocabulary is not here")
    published = json.loads(SHARED.read_text())
    assert list(vocabulary.STYLES) == published["style"]
    assert list(vocabulary.MATERIALS) == published["material"]
    assert list(vocabulary.THEMES) == published["theme"]
    for group, categories in vocabulary.CATEGORIES.items():
        assert list(categories) == published["category"][group]


def test_styles_refer_to_existing_entries() -> None:
    for style, traits in STYLE_TRAITS.items():
        assert set(traits.legs) <= set(LEG_PROFILES), style
        assert set(traits.backs) <= set(FILLINGS), style
        assert set(traits.crests) <= set(CREST_RISE), style
        assert set(traits.stretchers) <= {"none", "h", "box"}, style
        assert set(traits.woods) <= set(WOODS) and set(traits.metals) <= set(METALS), style
        assert set(traits.dyes) <= set(DYES), style


def test_every_archetype_and_style_has_a_material() -> None:
    for archetype in ARCHETYPES:
        for style in archetype.styles:
            assert materials_for(archetype, style), (archetype.name, style)


def test_sampled_tags_are_compatible() -> None:
    for index in range(300):
        tags = sample_tags(np.random.default_rng([3, index]))
        assert tags.material in materials_for(tags.archetype, tags.style)
        assert tags.theme is None or tags.theme in themes_for(tags.archetype, tags.style, tags.material)


def test_every_theme_and_style_can_occur() -> None:
    combinations = [(a, s, m) for a in ARCHETYPES for s in a.styles for m in materials_for(a, s)]
    assert {theme for combination in combinations for theme in themes_for(*combination)} == set(vocabulary.THEMES)
    assert {style for _, style, _ in combinations} == set(vocabulary.STYLES)


def test_super_category_of_a_category() -> None:
    assert vocabulary.super_category("armchair") == "Sofa"
    assert vocabulary.super_category("Barstool") == "Chair"
    with pytest.raises(ValueError, match="Wardrobe"):
        vocabulary.super_category("Wardrobe")
