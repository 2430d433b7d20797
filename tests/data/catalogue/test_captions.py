import itertools

import pytest

from shelfnet.data.catalogue.captions import furniture_type, make_caption
from shelfnet.procedural.vocabulary import STYLES


def test_published_template():
    assert make_caption("Modern", "Dining Chair", "Solid Wood") == "A Modern Dining Chair made out of Solid Wood"


@pytest.mark.parametrize(
    ("style", "category", "material", "caption"),
    [
        (None, "Desk", "Wood", "A Desk made out of Wood"),
        ("Nordic", "Desk", None, "A Nordic Desk"),
        ("Nordic", None, "Wood", "A Nordic Piece of Furniture made out of Wood"),
        (None, "Desk", None, "A Desk"),
        (None, None, "Wood", "A Piece of Furniture made out of Wood"),
        ("Nordic", None, None, "A Nordic Piece of Furniture"),
        (None, None, None, "A Piece of Furniture"),
        ("Others", "Desk", "Others", "A Desk"),
        ("Industrial", "armchair", "Leather", "An Industrial armchair made out of Leather"),
    ],
)
def test_missing_tags(style, category, material, caption):
    assert make_caption(style, category, material) == caption


@pytest.mark.parametrize("style", STYLES)
def test_article_of_every_style(style):
    with_vowel = {"Industrial", "American Country"}
    expected = "A Desk" if style == "Others" else f"{'An' if style in with_vowel else 'A'} {style} Desk"
    assert make_caption(style, "Desk", None) == expected


@pytest.mark.parametrize(
    ("category", "caption"),
    [
        ("armchair", "An armchair"),
        ("L-shaped Sofa", "An L-shaped Sofa"),
        ("U-shaped Sofa", "A U-shaped Sofa"),
        ("Lounge Chair / Cafe Chair / Office Chair", "A Lounge Chair"),
        ("Umbrella Stand", "An Umbrella Stand"),
    ],
)
def test_article_of_a_category(category, caption):
    assert make_caption(None, category, None) == caption


def test_no_placeholders_in_any_combination():
    for style, category, material in itertools.product((None, "Others", "Korean"), repeat=3):
        caption = make_caption(style, category, material)
        assert "None" not in caption
        assert "Others" not in caption
        assert caption == " ".join(caption.split())


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("Lounge Chair / Cafe Chair / Office Chair", "Lounge Chair"),
        ("Corner/Side Table", "Corner/Side Table"),
        (" / Chair", "Piece of Furniture"),
        (None, "Piece of Furniture"),
    ],
)
def test_first_alternative_is_type(category, expected):
    assert furniture_type(category) == expected
