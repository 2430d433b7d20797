"""Names in messages: the first few, printable, and the number of the others."""

from collections.abc import Iterable

SHOWN_NAMES = 5
MAX_CHARACTERS = 128


def shown_names(names: Iterable[str]) -> str:
    """The first names, with control characters and invalid UTF-8 escaped, and the number of the others."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN_NAMES} more" if len(listed) > SHOWN_NAMES else ""
    return ", ".join(repr(name[:MAX_CHARACTERS]) for name in listed[:SHOWN_NAMES]) + more
