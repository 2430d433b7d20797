"""Selection of the listed models by the settings."""

import logging
from collections.abc import Sequence
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo
from shelfnet.data.file_names import folded_name
from shelfnet.data.shown_names import warn_of

MAX_BYTES = 64 * 1024**2

log = logging.getLogger(__name__)


def select_models(infos: Sequence[ModelInfo], settings: DatasetSettings) -> list[ModelInfo]:
    """Models of the selected categories that are not excluded, in their order.

    Case and blanks around the slashes of a category are ignored, and case and Unicode composition of ids.

    Raises:
        DatasetError: No model is left, or the file of excluded ids cannot be read.
    """
    supers = {_folded_tag(name) for name in settings.super_categories}
    categories = {_folded_tag(name) for name in settings.categories}
    excluded = {folded_name(model_id) for model_id in excluded_ids(settings)}
    unknown = sorted(excluded - {folded_name(info.model_id) for info in infos})
    warn_of(log, f"dataset.exclude: {len(unknown)} ids match no model", unknown)
    selected = [
        info
        for info in infos
        if (not supers or _folded_tag(info.super_category) in supers)
        and (not categories or _folded_tag(info.category) in categories)
        and folded_name(info.model_id) not in excluded
    ]
    if infos and not selected:
        raise DatasetError(_nothing_left(infos, settings, len(excluded)))
    return selected


def excluded_ids(settings: DatasetSettings) -> tuple[str, ...]:
    """Excluded ids: those of the settings, or the lines of the file they name, in which ``#`` starts a comment.

    Raises:
        DatasetError: The file cannot be read.
    """
    if not isinstance(settings.exclude, str):
        return settings.exclude
    path = Path(settings.exclude).expanduser()
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DatasetError(f"dataset.exclude: {path}: expected at most {MAX_BYTES} bytes, got {size}")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"dataset.exclude: {path}: expected a text file with one id per line: {error}") from error
    ids = (line.partition("#")[0].strip() for line in lines)
    return tuple(model_id for model_id in ids if model_id)


def _folded_tag(tag: str | None) -> str:
    """A tag without the spelling variations of the published list: case and blanks around slashes."""
    return "/".join(part.strip() for part in (tag or "").casefold().split("/"))


def _nothing_left(infos: Sequence[ModelInfo], settings: DatasetSettings, n_excluded: int) -> str:
    supers = ", ".join(sorted({info.super_category or "(none)" for info in infos})[:20])
    return (
        f"no model is left of {len(infos)} with dataset.super_categories {list(settings.super_categories)}, "
        f"dataset.categories {list(settings.categories)} and {n_excluded} ids in dataset.exclude; "
        f"available super-categories: {supers}"
    )
