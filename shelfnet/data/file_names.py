"""Names of files, compared as people read them."""

import unicodedata


def folded_name(name: str) -> str:
    """A name without letter case and Unicode composition, which some file systems ignore."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
