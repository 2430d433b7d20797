"""LVIS-annotated categories of Objaverse, through the ``objaverse`` package or from a local mirror.

The package stores everything in the folder ``hf-objaverse-v1`` in ``~/.objaverse``. A mirror is a copy of it:
``lvis-annotations.json.gz`` and ``glbs/<part>/<uid>.glb``. Other files are ignored.
"""

import contextlib
import difflib
import gzip
import json
import logging
import re
import socket
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

from shelfnet.config.dataset import DatasetSettings, ObjaverseSettings
from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo
from shelfnet.data.catalogue.models import CatalogueModel
from shelfnet.data.catalogue.quarantine import Quarantined, first_reasons
from shelfnet.data.importers.staging import STAGE, ImportedModel
from shelfnet.data.shown_names import warn_of
from shelfnet.file_tree import list_folder, subfolders

VERSION_FOLDER = "hf-objaverse-v1"
ANNOTATIONS_NAME = "lvis-annotations.json.gz"
OBJECTS_FOLDER = "glbs"
MAX_ANNOTATIONS_BYTES = 256 * 1024**2
"""Limit of the decompressed annotations; Objaverse's take 2 MB."""
BATCH = 32
"""Objects fetched per call: the package reads its list of all objects in each call."""
TIMEOUT_S = 120.0
UID = re.compile(r"[0-9A-Za-z_-]{1,64}")

log = logging.getLogger(__name__)


def find_objects(settings: ObjaverseSettings) -> dict[str, ModelInfo]:
    """Annotated objects of the requested categories by uid; with a mirror, only those whose file it has.

    An object in several categories belongs to the first.

    Raises:
        DatasetError: There are no annotations, or a category is unknown or has fewer than ``minimum_models`` objects.
    """
    with _package(settings) as (package, folder):
        annotations = _annotations(package, folder, settings.mirror is not None)
    present = set(_files(folder)) if settings.mirror is not None else None
    found: dict[str, ModelInfo] = {}
    for category in _matching(annotations, settings.categories):
        uids = [uid for uid in annotations[category] if present is None or uid in present]
        n_annotated = len(annotations[category])
        log.info("Objaverse has %d instances of %s, %d of them available", n_annotated, category, len(uids))
        if len(uids) < settings.minimum_models:
            raise DatasetError(_too_few(category, len(uids), n_annotated, settings))
        for uid in sorted(uids):
            found.setdefault(uid, ModelInfo(uid, category=category_tag(category)))
    return found


def fetch_objects(
    infos: Sequence[ModelInfo], settings: ObjaverseSettings
) -> tuple[list[ImportedModel], list[Quarantined]]:
    """The files of objects, downloaded if missing, and the objects that are not available."""
    with _package(settings) as (package, folder):
        files = _files(folder)
        missing = [info.model_id for info in infos if info.model_id not in files]
        faults = {} if settings.mirror is not None else _download(package, missing, settings.download_threads)
        files = _files(folder) if missing else files
    models = [
        ImportedModel(info, files[info.model_id], files[info.model_id].relative_to(folder).as_posix())
        for info in infos
        if info.model_id in files
    ]
    refused = [
        Quarantined(uid, STAGE, f"not available: {faults.get(uid, 'no such file')}", f"{OBJECTS_FOLDER}/*/{uid}.glb")
        for uid in missing
        if uid not in files
    ]
    return models, refused


def require_instances(
    models: Sequence[CatalogueModel], quarantined: Sequence[Quarantined], settings: DatasetSettings
) -> None:
    """Refuse a catalogue in which a requested category of Objaverse has too few usable models.

    If ``max_models`` was reached, the remaining models were not examined, and the check is skipped.

    Raises:
        DatasetError: With the counts of all categories and the first reasons of the quarantine.
    """
    if settings.kind != "objaverse" or len(models) == settings.max_models:
        return
    counts = Counter(model.category for model in models)
    wanted = [category_tag(name) for name in settings.objaverse.categories]
    minimum = settings.objaverse.minimum_models
    if any(counts[category] < minimum for category in wanted):
        found = ", ".join(f"{counts[category]} of {category}" for category in wanted)
        raise DatasetError(
            f"expected at least {minimum} usable models per category (dataset.objaverse.minimum_models), got {found}; "
            f"{len(quarantined)} models are quarantined{first_reasons(quarantined)}"
        )


def category_tag(category: str) -> str:
    """An LVIS category as a tag: ``folding_chair`` becomes ``Folding Chair``, ``pot_(cookware)`` becomes ``Pot``."""
    words = re.sub(r"\(.*?\)", "", category).replace("_", " ").replace("-", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


@contextlib.contextmanager
def _package(settings: ObjaverseSettings) -> Iterator[tuple[ModuleType, Path]]:
    """The package, configured to use the mirror or the cache, and that folder.

    The package has a module variable for its folder and no timeout; both are set here and restored afterwards.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import objaverse
    before, timeout = objaverse._VERSIONED_PATH, socket.getdefaulttimeout()
    folder = _folder(settings, Path(before))
    objaverse._VERSIONED_PATH = str(folder)
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        yield objaverse, folder
    finally:
        objaverse._VERSIONED_PATH = before
        socket.setdefaulttimeout(timeout)


def _folder(settings: ObjaverseSettings, default: Path) -> Path:
    """The folder with the annotations: that of the settings, or the version's folder in it."""
    if settings.mirror is None:
        return Path(settings.cache).expanduser().resolve() / VERSION_FOLDER if settings.cache else default
    mirror = Path(settings.mirror).expanduser().resolve()
    places = (mirror, mirror / VERSION_FOLDER)
    for place in places:
        if (place / ANNOTATIONS_NAME).is_file():
            return place
    raise DatasetError(f"dataset.objaverse.mirror: expected {ANNOTATIONS_NAME} in {' or '.join(map(str, places))}")


def _annotations(package: ModuleType, folder: Path, is_mirror: bool) -> dict[str, list[str]]:
    path = folder / ANNOTATIONS_NAME
    try:
        loaded = _unpacked(path) if is_mirror or path.exists() else package.load_lvis_annotations()
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        advice = "correct the mirror" if is_mirror else "remove the file if it exists, or set a mirror"
        raise DatasetError(f"{path}: expected Objaverse's LVIS annotations: {error}; {advice}") from error
    if not isinstance(loaded, dict) or not all(isinstance(uids, list) for uids in loaded.values()):
        raise DatasetError(f"{path}: expected lists of uids by category")
    return {
        str(category): [uid for uid in uids if isinstance(uid, str) and UID.fullmatch(uid)]
        for category, uids in loaded.items()
    }


def _unpacked(path: Path) -> object:
    """JSON in a gzip file, which is decompressed only up to the limit."""
    with gzip.open(path, "rb") as stream:
        content = stream.read(MAX_ANNOTATIONS_BYTES + 1)
    if len(content) > MAX_ANNOTATIONS_BYTES:
        raise ValueError(f"at most {MAX_ANNOTATIONS_BYTES} bytes when decompressed, got more")
    return json.loads(content)


def _matching(annotations: dict[str, list[str]], wanted: Sequence[str]) -> list[str]:
    """Requested categories in the spelling of the annotations."""
    spelt = {_folded_category(category): category for category in annotations}
    for name in wanted:
        if _folded_category(name) not in spelt:
            close = difflib.get_close_matches(_folded_category(name), spelt, n=5, cutoff=0.5)
            hint = f"; close to it: {', '.join(spelt[folded] for folded in close)}" if close else ""
            raise DatasetError(f"dataset.objaverse.categories: LVIS has no category {name!r}{hint}")
    return list(dict.fromkeys(spelt[_folded_category(name)] for name in wanted))


def _folded_category(category: str) -> str:
    return category.strip().casefold().replace(" ", "_").replace("-", "_")


def _too_few(category: str, n_here: int, n_annotated: int, settings: ObjaverseSettings) -> str:
    where = f" in the mirror (Objaverse has {n_annotated})" if settings.mirror is not None else " in Objaverse"
    return (
        f"category {category!r} has {n_here} instances{where}, fewer than dataset.objaverse.minimum_models "
        f"{settings.minimum_models}: too few to learn a shape; choose other categories or lower the minimum"
    )


def _files(folder: Path) -> dict[str, Path]:
    """GLB files in the folder by uid; links that lead nowhere are logged."""
    objects = folder / OBJECTS_FOLDER
    parts = [list_folder(part) for part in subfolders(objects).values()] if objects.is_dir() else []
    unusable = [f"{name} {fault}" for part in parts for name, fault in part.unusable.items()]
    warn_of(log, f"{objects}: {len(unusable)} links are unusable", unusable)
    return {path.stem: path for part in parts for path in part.files.values() if path.suffix == ".glb"}


def _download(package: ModuleType, uids: Sequence[str], n_threads: int) -> dict[str, str]:
    """Download objects into the package's folder and return the faults of failed ones by uid."""
    if not uids:
        return {}
    log.info("fetching %d objects of Objaverse", len(uids))
    batches = [uids[start : start + BATCH] for start in range(0, len(uids), BATCH)]
    faults: dict[str, str] = {}
    with ThreadPoolExecutor(n_threads) as pool:
        for number, found in enumerate(pool.map(partial(_fetch_batch, package.load_objects), batches), 1):
            faults |= found
            log.info("%d of %d batches of objects done, %d objects missing", number, len(batches), len(faults))
    return faults


def _fetch_batch(load_objects: Callable[[list[str]], dict[str, str]], uids: Sequence[str]) -> dict[str, str]:
    """Download a batch in one call or, if that fails, object by object."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        load_objects(list(uids))
        return {}
    faults: dict[str, str] = {}
    for uid in uids:
        try:
            load_objects([uid])
        except (OSError, ValueError, EOFError) as error:
            faults[uid] = str(error)
    return faults
