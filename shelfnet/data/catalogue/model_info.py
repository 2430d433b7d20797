"""``model_info.json`` of the 3D-FUTURE layout: an untrusted list of models and their tags."""

import codecs
import json
import logging
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.tags import TAGS, ObjectTags, tags_of

LIST_NAME = "model_info.json"
KEYS = {name: name.replace("_", "-") for name in TAGS}
"""Keys of the tags in the list."""
MAX_BYTES = 256 * 1024**2
MAX_ID_CHARACTERS = 128
MAX_TAG_CHARACTERS = 200
STAGE = "catalogue"

_WINDOWS_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}

log = logging.getLogger(__name__)


class DatasetError(ValueError):
    """A data set cannot be used at all; the message says what was expected and what to do."""


@dataclass(frozen=True)
class ModelInfo(ObjectTags):
    """One model of the list; tags that are missing, null or not text are ``None``."""

    model_id: str


def read_model_info(path: Path) -> tuple[list[ModelInfo], list[Quarantined]]:
    """Models of a list, in its order, and the refused entries.

    The first of several entries with the same id, ignoring case, is used. Unknown keys are ignored. The encoding is
    UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises:
        DatasetError: The file is missing, too large, not JSON, or not a list.
    """
    entries = _load_list(path)
    models: dict[str, ModelInfo] = {}
    refused: list[Quarantined] = []
    for position, entry in enumerate(entries):
        fault = _entry_fault(entry)
        if fault is not None:
            model_id = entry.get("model_id") if isinstance(entry, dict) else None
            reason = f"{LIST_NAME} entry {position}: {fault}"
            refused.append(Quarantined(model_id if isinstance(model_id, str) else "", STAGE, reason, ""))
        elif entry["model_id"].casefold() in models:
            log.warning("%s: entry %d repeats %s; the first one is used", path, position, entry["model_id"])
        else:
            models[entry["model_id"].casefold()] = _model_info(entry)
    return list(models.values()), refused


def list_entry(info: ModelInfo) -> dict[str, str | None]:
    """A model as an entry of the list."""
    return {"model_id": info.model_id} | {KEYS[name]: tag for name, tag in tags_of(info).items()}


def is_safe_id(model_id: str) -> bool:
    """Whether an id is a valid file name on every system: letters, digits, symbols such as emoji, `` ``, ``.-_``.

    Path separators, device names, control and shell characters, and ids that start or end like an option or a hidden
    file are refused.
    """
    if not 0 < len(model_id) <= MAX_ID_CHARACTERS or len(model_id.encode("utf-8", "replace")) > 200:
        return False
    allowed = all(
        unicodedata.category(c)[0] in "LMN" or unicodedata.category(c) == "So" or c in " .-_" for c in model_id
    )
    device = model_id.split(".")[0].strip().upper() in _WINDOWS_DEVICES
    return allowed and not device and model_id[0] not in " .-" and model_id[-1] not in " ."


def clean_tag(model_id: str, key: str, value: Any) -> str | None:
    """A tag as one line of printable text, or ``None`` if it is missing or (with a log message) unusable."""
    if value is None:
        return None
    if not isinstance(value, str):
        log.warning("model %s: %s is a %s, expected text; ignored", model_id, key, type(value).__name__)
        return None
    if len(value) > MAX_TAG_CHARACTERS:
        log.warning("model %s: %s has %d characters; ignored", model_id, key, len(value))
        return None
    printable = "".join(" " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(printable.split()) or None


def _load_list(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path}: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        content = path.read_bytes()
        text = content.decode(
            "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        )
        loaded = json.loads(text)
    except RecursionError:
        raise DatasetError(f"{path}: expected a flat list of models, got lists nested too deeply") from None
    except DatasetError:
        raise
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: expected a JSON list of models: {error}") from error
    if not isinstance(loaded, list):
        raise DatasetError(f"{path}: expected a JSON list of models, got {type(loaded).__name__}")
    if not loaded:
        raise DatasetError(f"{path}: expected at least one model, got an empty list")
    return loaded


def _entry_fault(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"expected an object, got {type(entry).__name__}"
    model_id = entry.get("model_id")
    if not isinstance(model_id, str):
        return f"expected a string as model_id, got {type(model_id).__name__}"
    return None if is_safe_id(model_id) else "model_id is not a safe folder name"


def _model_info(entry: dict[str, Any]) -> ModelInfo:
    model_id = entry["model_id"]
    tags = {name: clean_tag(model_id, key, entry.get(key)) for name, key in KEYS.items()}
    return ModelInfo(model_id, **tags)
