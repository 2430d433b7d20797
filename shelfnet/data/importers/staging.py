"""Convert models of any supported format to one data set in the 3D-FUTURE layout.

Every model is published on its own, with a stamp of its inputs. An interrupted run, or one with other settings,
converts only what is missing or has changed.
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
from shelfnet.data.catalogue.model_info import LIST_NAME, DatasetError, ModelInfo, list_entry
from shelfnet.data.catalogue.quarantine import Quarantined, quarantine_model
from shelfnet.data.catalogue.selection import select_models
from shelfnet.data.catalogue.splits import sampling_order
from shelfnet.data.folders import link_or_copy, remove_others
from shelfnet.data.importers.convert import SUFFIXES, Orientation, convert_model
from shelfnet.data.importers.glb_container import may_refer_to_files
from shelfnet.dependencies import code_digest
from shelfnet.isolation import IsolatedWorker
from shelfnet.publishing import partial_path, publish

STAGE = "stage_dataset"
STAMP_NAME = "source.json"
UNFINISHED = ".unfinished"
BATCH = 256
"""Number of models fetched before they are converted."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportedModel:
    """A model to convert: its tags, its file, and the name of the file in the quarantine."""

    info: ModelInfo
    path: Path
    shown: str


FetchFn = Callable[[Sequence[ModelInfo]], tuple[list[ImportedModel], list[Quarantined]]]
"""Makes the files of some models available; returns them and the models that are unavailable."""


def stage_models(
    infos: Sequence[ModelInfo], fetch: FetchFn, target: Path, settings: DatasetSettings
) -> list[Quarantined]:
    """Convert the selected models and publish them as ``target``, replacing an earlier data set.

    ``max_models`` counts usable models, taken in the sampling order of the catalogue.

    Args:
        infos: Available models.
        fetch: Makes the files of some models available.
        target: Folder that will hold ``3D-FUTURE-model``.
        settings: Filters, limits, and the up axis and unit of formats that do not define them.

    Returns:
        Models that cannot be used.

    Raises:
        DatasetError: The filters select nothing, or no selected model can be used.
    """
    selected = {info.model_id: info for info in select_models(infos, settings)}
    order = [selected[model_id] for model_id in sampling_order(selected, settings.split_seed)]
    temporary = partial_path(target)
    root = temporary / MODEL_FOLDER
    root.mkdir(parents=True, exist_ok=True)
    done, quarantined = _convert_all(order, fetch, root, target / MODEL_FOLDER, settings)
    if not done:
        reasons = "; ".join(f"{row.path}: {row.reason}" for row in quarantined[:3])
        raise DatasetError(f"none of {len(quarantined)} models can be used; the first reasons are {reasons}")
    remove_others(root, {info.model_id for info in done})
    _write_list(root / LIST_NAME, done)
    shutil.rmtree(target, ignore_errors=True)
    publish(temporary, target)
    return quarantined


def _convert_all(
    order: Sequence[ModelInfo], fetch: FetchFn, root: Path, earlier: Path, settings: DatasetSettings
) -> tuple[list[ModelInfo], list[Quarantined]]:
    """Convert models in this order until the wanted number is reached."""
    orientation = Orientation(settings.folder.up_axis, settings.folder.unit_m)
    make = partial(_make_converter, orientation, settings.max_faces)
    stamps = _StampMaker(orientation, settings.max_faces)
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
                except Exception as error:  # no fault of one model may stop the others
                    quarantined.append(quarantine_model(model.info.model_id, STAGE, error, model.shown))
            log.info("%d models converted, %d refused, %d left", len(done), len(quarantined), len(order) - start)
    return done, quarantined


def _convert(
    model: ImportedModel,
    root: Path,
    earlier: Path,
    stamps: "_StampMaker",
    worker: IsolatedWorker[tuple[Path, Path], None],
) -> None:
    """Complete the folder of one model, from an earlier conversion with the same stamp or from its file."""
    final, stamp = root / model.info.model_id, stamps.make(model.path)
    if _read_stamp(final) == stamp:
        return
    unfinished = root / UNFINISHED
    for folder in (final, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    if _read_stamp(earlier / model.info.model_id) == stamp:
        shutil.copytree(earlier / model.info.model_id, unfinished, copy_function=link_or_copy)
    else:
        unfinished.mkdir()
        worker.run((model.path, unfinished))
        (unfinished / STAMP_NAME).write_text(stamp, encoding="ascii")
    publish(unfinished, final)


def _make_converter(orientation: Orientation, max_faces: int) -> Callable[[tuple[Path, Path]], None]:
    """Factory of the function that runs in the child process, on a model file and an empty folder."""
    return lambda paths: convert_model(*paths, orientation, max_faces)


class _StampMaker:
    """Makes stamps of converted models: source file, files beside it, settings and code."""

    def __init__(self, orientation: Orientation, max_faces: int) -> None:
        self._common = {
            "orientation": [orientation.up_axis, orientation.unit_m],
            "max_faces": max_faces,
            "code": code_digest("data.importers.convert"),
        }
        self._folders: dict[Path, str] = {}

    def make(self, path: Path) -> str:
        """Stamp of a file. STL and most GLB files are self-contained; others may read files of their folder."""
        status = path.stat()
        suffix = path.suffix.lower()
        self_contained = suffix == ".stl" or (suffix == ".glb" and not may_refer_to_files(path))
        parts = {
            "file": [str(path), status.st_size, status.st_mtime_ns],
            "beside": "" if self_contained else self._folder_digest(path.parent),
            **self._common,
        }
        return json.dumps(parts, sort_keys=True)

    def _folder_digest(self, folder: Path) -> str:
        """Digest of names, sizes and times of the materials and textures below a folder."""
        if folder not in self._folders:
            digest = hashlib.sha256()
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() not in SUFFIXES and path.is_file():
                    status = path.stat()
                    digest.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            self._folders[folder] = digest.hexdigest()
        return self._folders[folder]


def _read_stamp(folder: Path) -> str | None:
    try:
        return (folder / STAMP_NAME).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _write_list(path: Path, infos: Sequence[ModelInfo]) -> None:
    entries = [list_entry(info) for info in sorted(infos, key=lambda info: info.model_id)]
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
