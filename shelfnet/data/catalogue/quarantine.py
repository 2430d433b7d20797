"""Quarantine: models refused by a stage, with the reasons, as a CSV file."""

import csv
import logging
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from shelfnet.data.obj.reader import ModelError
from shelfnet.full_disk import full_disk_text
from shelfnet.isolation import WorkerFailedError
from shelfnet.publishing import complete_file

MAX_CHARACTERS = 300
SHOWN_REASONS = 3

log = logging.getLogger(__name__)


class AllRefusedError(RuntimeError):
    """None of the models or photographs of a shard can be used; the message says why."""


@dataclass(frozen=True)
class Quarantined:
    """A refused model: its id as in the data set, the stage, the reason, and the file relative to the data set."""

    model_id: str
    stage: str
    reason: str
    path: str


COLUMNS = tuple(field.name for field in fields(Quarantined))


def quarantine_model(model_id: str, stage: str, error: Exception, path: str) -> Quarantined:
    """Log the error that refuses a model and return its row; unexpected errors are logged with their traceback.

    Raises:
        Exception: The error itself, if a full disk caused it, which is no fault of the model.
    """
    if full_disk_text(error) is not None:
        raise error
    expected = isinstance(error, ModelError | WorkerFailedError)
    reason = str(error) if expected else f"{type(error).__name__}: {error}"
    log.warning("model %s is refused (%s): %s", model_id, path, reason, exc_info=None if expected else error)
    return Quarantined(model_id, stage, reason, path)


def require_usable(refused: Sequence[Quarantined], n_examined: int, what: str = "models") -> None:
    """Refuse a shard without a single usable model, unless it had no models at all.

    Raises:
        AllRefusedError: Everything examined is refused; the message gives the first reasons.
    """
    if 0 < n_examined == len(refused):
        raise AllRefusedError(f"all {n_examined} {what} of the shard are refused{first_reasons(refused)}")


def first_reasons(refused: Sequence[Quarantined]) -> str:
    """End of a message about refused models with the first reasons; empty if there are none."""
    reasons = "; ".join(f"{row.model_id[:80]!r}: {row.reason[:200]}" for row in refused[:SHOWN_REASONS])
    return f", the first ones because of {reasons}" if reasons else ""


def write_quarantine(path: Path, rows: Iterable[Quarantined]) -> None:
    """Publish refused models; texts are truncated, printable, on one line, and never a spreadsheet formula."""
    with complete_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([_harmless(text) for text in astuple(row)] for row in rows)


def read_quarantine(path: Path) -> tuple[Quarantined, ...]:
    """Read a file of :func:`write_quarantine`.

    Raises:
        ValueError: The columns differ.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path}: expected the columns {COLUMNS}, got {reader.fieldnames}")
        return tuple(Quarantined(**row) for row in reader)


def _harmless(text: str) -> str:
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_CHARACTERS])
    return f"'{printable}" if printable[:1] in ("=", "+", "-", "@") else printable
