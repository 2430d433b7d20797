import itertools

import pytest

from shelfnet.data.catalogue.captions import furniture_type, make_caption


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
        ("Industrial", "armchair", "Leather", "A Industrial armchair made out of Leather"),
    ],
)
def test_missing_tags(style, category, material, caption):
    assert make_caption(style, category, material) == caption


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
