"""Words are 3D-FUTURE's words, and they go together."""

import json
from pathlib import Path

import numpy as np
import pytest

from shelfnet.procedural import vocabulary as words
from shelfnet.procedural.archetypes.backs import CREST_RISE, FILLINGS
from shelfnet.procedural.archetypes.legs import LEG_PROFILES
from shelfnet.procedural.finishes import BODY_TEXTURES
from shelfnet.procedural.styles import DYES, METALS, STYLE_TRAITS, WOODS
from shelfnet.procedural.tags import ARCHETYPES, THEME_HOMES, materials_for, sample_tags, themes_for
from shelfnet.procedural.themes import THEME_PATTERNS

SHARED = Path(__file__).parents[4] / "shared" / "real" / "vocabulary.json"


def test_the_tables_speak_only_words_of_the_vocabulary() -> None:
    assert set(STYLE_TRAITS) == set(words.STYLES)
    assert set(THEME_HOMES) == set(words.THEMES)
    assert set(BODY_TEXTURES) | {"Glass"} == set(words.MATERIALS)
    assert set(THEME_PATTERNS) | {"Soft Case", "Wrought Iron"} == set(words.THEMES)
    categories = {category for group in words.CATEGORIES.values() for category in group}
    for archetype in ARCHETYPES:
        assert set(archetype.styles) <= set(words.STYLES), archetype.name
        assert set(archetype.materials) <= set(BODY_TEXTURES), archetype.name
        assert set(archetype.categories) <= categories, archetype.name


def test_the_vocabulary_is_the_published_one() -> None:
    if not SHARED.is_file():
        pytest.skip("the published vocabulary is not here")
    published = json.loads(SHARED.read_text())
    assert list(words.STYLES) == published["style"]
    assert list(words.MATERIALS) == published["material"]
    assert list(words.THEMES) == published["theme"]
    for group, categories in words.CATEGORIES.items():
        assert list(categories) == published["category"][group]


def test_the_styles_name_things_that_exist() -> None:
    for style, traits in STYLE_TRAITS.items():
        assert set(traits.legs) <= set(LEG_PROFILES), style
        assert set(traits.backs) <= set(FILLINGS), style
        assert set(traits.crests) <= set(CREST_RISE), style
        assert set(traits.stretchers) <= {"none", "h", "box"}, style
        assert set(traits.woods) <= set(WOODS) and set(traits.metals) <= set(METALS), style
        assert set(traits.dyes) <= set(DYES), style


def test_every_style_of_every_archetype_has_a_material() -> None:
    for archetype in ARCHETYPES:
        for style in archetype.styles:
            assert materials_for(archetype, style), (archetype.name, style)


def test_sampled_words_go_together() -> None:
    for index in range(300):
        tags = sample_tags(np.random.default_rng([3, index]))
        assert tags.material in materials_for(tags.archetype, tags.style)
        assert tags.theme is None or tags.theme in themes_for(tags.archetype, tags.style, tags.material)


def test_every_theme_and_style_can_occur() -> None:
    combinations = [(a, s, m) for a in ARCHETYPES for s in a.styles for m in materials_for(a, s)]
    assert {theme for combination in combinations for theme in themes_for(*combination)} == set(words.THEMES)
    assert {style for _, style, _ in combinations} == set(words.STYLES)


def test_super_categories_follow_the_category() -> None:
    assert words.super_category("armchair") == "Sofa"
    assert words.super_category("Barstool") == "Chair"
    with pytest.raises(ValueError, match="Wardrobe"):
        words.super_category("Wardrobe")
