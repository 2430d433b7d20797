"""Captions: "A {Style} {Type} made out of {Material}".

Words are kept as the data set spells them. Where a tag is open or says "Others", its part of the sentence is left out:

===========  ==========================================
given        caption
===========  ==========================================
all          A Modern Dining Chair made out of Wood
no style     A Dining Chair made out of Wood
no material  A Modern Dining Chair
no category  A Modern Piece of Furniture made out of Wood
===========  ==========================================

A category that lists alternatives ("Lounge Chair / Cafe Chair / Office Chair") contributes the first one: a list of
three words describes no single image, and text encoders have read few captions with slashes. Tags keep a slash
without blanks around it ("Corner/Side Table"). The article stays "A" before every word, as in the published template.
"""

UNKNOWN_TYPE = "Piece of Furniture"
UNSPECIFIC = frozenset({"others", "other"})


def furniture_type(category: str | None) -> str:
    """The type a category names: the first of its alternatives, which stand between " / "."""
    if category is None:
        return UNKNOWN_TYPE
    return category.split(" / ")[0].strip() or UNKNOWN_TYPE


def make_caption(style: str | None, category: str | None, material: str | None) -> str:
    """The sentence of a model's tags; see the table above for tags that are open."""
    words = ["A", _specific(style), furniture_type(_specific(category))]
    if _specific(material):
        words += ["made out of", _specific(material)]
    return " ".join(word for word in words if word)


def _specific(tag: str | None) -> str | None:
    return None if tag is None or tag.strip().lower() in UNSPECIFIC else tag
