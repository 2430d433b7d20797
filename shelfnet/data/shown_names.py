"""Names and texts of users in messages: printable, and of long lists only the first."""

import logging
from collections.abc import Collection, Iterable

SHOWN_NAMES = 5
MAX_CHARACTERS = 128


def shown_names(names: Iterable[str]) -> str:
    """The first names, with control characters and invalid UTF-8 escaped, and the number of the others."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN_NAMES} more" if len(listed) > SHOWN_NAMES else ""
    return ", ".join(repr(name[:MAX_CHARACTERS]) for name in listed[:SHOWN_NAMES]) + more


def warn_of(logger: logging.Logger, message: str, names: Collection[str]) -> None:
    """Warn of some things with the first of their names; there is no message if there are none."""
    if names:
        logger.warning("%s: %s", message, shown_names(names))


def printable(text: str) -> str:
    """A text with control characters and invalid UTF-8 escaped, so that it cannot command a terminal.

    Line breaks and tabs are kept.
    """
    return "".join(letter if letter.isprintable() or letter in "\n\t" else _escaped(letter) for letter in text)


class PrintableFormatter(logging.Formatter):
    """Formatter of log records for a terminal; see :func:`printable`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a printable text."""
        return printable(super().format(record))


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")
