"""Captions: "A {Style} {Type} made out of {Material}", or "An ..." before a vowel sound.

Words are spelt as in the data set. If a tag is missing or "Others", its part of the sentence is left out:

===========  ==========================================
given        caption
===========  ==========================================
all          A Modern Dining Chair made out of Wood
no style     A Dining Chair made out of Wood
no material  A Modern Dining Chair
no category  A Modern Piece of Furniture made out of Wood
===========  ==========================================

A category with alternatives ("Lounge Chair / Cafe Chair / Office Chair") contributes the first one, since text encoders
have seen few captions with slashes. A slash without blanks around it is kept ("Corner/Side Table"). The article is "An"
before a vowel sound ("An Industrial Desk", "An L-shaped Sofa"), unlike in the published template.
"""

import re

UNKNOWN_TYPE = "Piece of Furniture"
VOWEL_SOUND = re.compile(r"(?!eu|uni|u-)[aeiou]|l-", re.IGNORECASE)
"""Start of a word with the article "An": a vowel that does not sound like "you" (European, U-shaped), or L-shaped."""
UNSPECIFIC = frozenset({"others", "other"})


def furniture_type(category: str | None) -> str:
    """The first alternative of a category, whose alternatives are separated by " / "."""
    if category is None:
        return UNKNOWN_TYPE
    return category.split(" / ")[0].strip() or UNKNOWN_TYPE


def make_caption(style: str | None, category: str | None, material: str | None) -> str:
    """The caption of a model; see the table above for missing tags."""
    words = [specific_tag(style), furniture_type(specific_tag(category))]
    if specific_tag(material):
        words += ["made out of", specific_tag(material)]
    phrase = " ".join(word for word in words if word)
    return f"{'An' if VOWEL_SOUND.match(phrase) else 'A'} {phrase}"


def specific_tag(tag: str | None) -> str | None:
    """The tag, or ``None`` if it says nothing ("Others")."""
    return None if tag is None or tag.strip().lower() in UNSPECIFIC else tag
