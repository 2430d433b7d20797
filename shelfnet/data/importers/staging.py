"""Models of any format, converted one after the other into one data set in the layout of 3D-FUTURE.

Every model is published by itself with a stamp of what it was made from. A run that was interrupted, or comes again
with other settings, converts only what is not there yet.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.dataset_layout import MODEL_FOLDER
from shelfnet.data.catalogue.model_info import FILE_NAME, DatasetError, ModelInfo, list_entry
from shelfnet.data.catalogue.quarantine import Quarantined, quarantine_model
from shelfnet.data.catalogue.selection import select_models
from shelfnet.data.catalogue.splits import sampling_order
from shelfnet.data.hardlinks import link_or_copy
from shelfnet.data.importers.convert import SUFFIXES, Orientation, convert_model
from shelfnet.data.importers.models import STAGE, Fetch, ImportedModel
from shelfnet.dependencies import code_digest
from shelfnet.isolation import IsolatedWorker
from shelfnet.publishing import partial_path, publish

STAMP_NAME = "source.json"
UNFINISHED = ".unfinished"
BATCH = 256
"""Models fetched before they are converted."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What a child process is given: a model's file, and the empty folder to fill."""

    source: Path
    folder: Path


def stage_models(
    infos: Sequence[ModelInfo], fetch: Fetch, target: Path, settings: DatasetSettings
) -> list[Quarantined]:
    """Convert the models that the settings ask for and publish them as ``target``, replacing an earlier data set.

    With ``max_models``, they are taken in the order in which the catalogue takes them, until there are enough.

    Args:
        infos: what there is.
        fetch: the files of some of them, and those that cannot be had.
        target: becomes the folder with ``3D-FUTURE-model``.
        settings: filters, limits, and the frame and unit of files that do not say them.

    Returns:
        The models that cannot be used.

    Raises:
        DatasetError: the filters leave nothing, or no model can be used.
    """
    chosen = {info.model_id: info for info in select_models(infos, settings)}
    order = [chosen[model_id] for model_id in sampling_order(chosen, settings.split_seed)]
    temporary = partial_path(target)
    root = temporary / MODEL_FOLDER
    root.mkdir(parents=True, exist_ok=True)
    done, quarantined = _convert_all(order, fetch, root, target / MODEL_FOLDER, settings)
    if not done:
        reasons = "; ".join(f"{row.path}: {row.reason}" for row in quarantined[:3])
        raise DatasetError(f"none of {len(quarantined)} models can be used, the first ones because of {reasons}")
    _remove_others(root, {info.model_id for info in done})
    _write_list(root / FILE_NAME, done)
    shutil.rmtree(target, ignore_errors=True)
    publish(temporary, target)
    return quarantined


def _convert_all(
    order: Sequence[ModelInfo], fetch: Fetch, root: Path, earlier: Path, settings: DatasetSettings
) -> tuple[list[ModelInfo], list[Quarantined]]:
    """Convert models in this order, until there are as many as the settings want."""
    orientation = Orientation(settings.folder.up_axis, settings.folder.unit_m)
    make = partial(_make_converter, orientation, settings.max_faces)
    stamps = _Stamps(orientation, settings.max_faces)
    wanted = settings.max_models or len(order)
    done: list[ModelInfo] = []
    quarantined: list[Quarantined] = []
    start = 0
    with IsolatedWorker(make, timeout_s=settings.model_timeout_s, memory_mb=settings.model_memory_mb) as worker:
        while len(done) < wanted and start < len(order):
            batch = order[start : start + min(wanted - len(done), BATCH)]
            start += len(batch)
            models, missing = fetch(batch)
            quarantined += missing
            for model in models:
                try:
                    _convert(model, root, earlier, stamps, worker)
                    done.append(model.info)
                except Exception as error:  # whatever is wrong with one model must not stop the others
                    quarantined.append(quarantine_model(model.info.model_id, STAGE, error, model.shown))
            logger.info("%d models here, %d refused, %d to look at", len(done), len(quarantined), len(order) - start)
    return done, quarantined


def _convert(
    model: ImportedModel, root: Path, earlier: Path, stamps: "_Stamps", worker: IsolatedWorker[_Job, None]
) -> None:
    """Make one model's folder complete, from what is there already or from its file."""
    final, stamp = root / model.info.model_id, stamps.of(model.path)
    if _stamp_of(final) == stamp:
        return
    unfinished = root / UNFINISHED
    for folder in (final, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    if _stamp_of(earlier / model.info.model_id) == stamp:
        shutil.copytree(earlier / model.info.model_id, unfinished, copy_function=link_or_copy)
    else:
        unfinished.mkdir()
        worker.run(_Job(model.path, unfinished))
        (unfinished / STAMP_NAME).write_text(stamp, encoding="ascii")
    publish(unfinished, final)


def _make_converter(orientation: Orientation, max_faces: int) -> Callable[[_Job], None]:
    """What runs in a process of its own, model after model."""
    return lambda job: convert_model(job.source, job.folder, orientation, max_faces)


class _Stamps:
    """What a converted model is made from: its file, the files beside it, the settings and the code."""

    def __init__(self, orientation: Orientation, max_faces: int) -> None:
        self._common = {
            "orientation": [orientation.up_axis, orientation.unit_m],
            "max_faces": max_faces,
            "code": code_digest("data.importers.convert"),
        }
        self._folders: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """The stamp of a file; GLB and STL stand alone, the other formats may read what lies in their folder."""
        status = path.stat()
        alone = path.suffix.lower() in (".glb", ".stl")
        parts = {
            "file": [str(path), status.st_size, status.st_mtime_ns],
            "beside": "" if alone else self._beside(path.parent),
            **self._common,
        }
        return json.dumps(parts, sort_keys=True)

    def _beside(self, folder: Path) -> str:
        """Digest of names, sizes and times of the files below a folder that are not models: materials and textures."""
        if folder not in self._folders:
            digest = hashlib.sha256()
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() not in SUFFIXES and path.is_file():
                    status = path.stat()
                    digest.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            self._folders[folder] = digest.hexdigest()
        return self._folders[folder]


def _stamp_of(folder: Path) -> str | None:
    try:
        return (folder / STAMP_NAME).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _remove_others(root: Path, kept: set[str]) -> None:
    for path in root.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _write_list(path: Path, infos: Sequence[ModelInfo]) -> None:
    entries = [list_entry(info) for info in sorted(infos, key=lambda info: info.model_id)]
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
