"""Names of LVIS categories, by which Objaverse is annotated."""

import re


def category_tag(category: str) -> str:
    """An LVIS name as a tag: ``folding_chair`` is a ``Folding Chair``, ``pot_(cookware)`` a ``Pot``."""
    words = re.sub(r"\(.*?\)", "", category).replace("_", " ").replace("-", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)
