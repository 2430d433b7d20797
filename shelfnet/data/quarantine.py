"""Models that a stage refuses, with the reason, as a CSV file."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from shelfnet.provenance import publish

MAX_CHARACTERS = 300


@dataclass(frozen=True)
class Quarantined:
    """One refused model: its id (as its data set spells it), the stage, why, and the file relative to the data set."""

    model_id: str
    stage: str
    reason: str
    path: str


COLUMNS = tuple(field.name for field in fields(Quarantined))


def write_quarantine(path: Path, rows: Iterable[Quarantined]) -> None:
    """Publish refused models; texts are cut to one printable line that no spreadsheet takes for a formula."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([_harmless(text) for text in astuple(row)] for row in rows)
    publish(temporary, path)


def read_quarantine(path: Path) -> tuple[Quarantined, ...]:
    """Refused models of a file that :func:`write_quarantine` made.

    Raises:
        ValueError: the columns differ.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path}: expected the columns {COLUMNS}, got {reader.fieldnames}")
        return tuple(Quarantined(**row) for row in reader)


def _harmless(text: str) -> str:
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_CHARACTERS])
    return f"'{printable}" if printable[:1] in ("=", "+", "-", "@") else printable
