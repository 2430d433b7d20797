"""Reader and allowed refusals of each kind of file, applied to all cases in a child process."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from shelfnet.data import surfaces
from shelfnet.data.catalogue import models as catalogue
from shelfnet.data.catalogue import tag_tables
from shelfnet.data.catalogue.captions import make_caption
from shelfnet.data.catalogue.model_info import DatasetError, is_safe_id, read_model_info
from shelfnet.data.catalogue.quarantine import read_quarantine, write_quarantine
from shelfnet.data.discovered_views import DiscoveryError, read_discovered_views
from shelfnet.data.images import ImageError, decode_png
from shelfnet.data.obj.materials import load_texture, read_materials
from shelfnet.data.obj.reader import ModelError, load_obj
from shelfnet.data.photographs.catalogue import read_photo_tags
from shelfnet.data.predictions import PredictionsError, read_predictions
from shelfnet.data.shards import reader
from shelfnet.data.shards.schema import ShardError
from shelfnet.data.sources.folder import read_folder_tags
from shelfnet.evaluation import predictions as evaluated
from shelfnet.geometry.meshes import normalise
from shelfnet.preview.models import load_submeshes
from shelfnet.training.curves import CurvesError, last_validation, read_curves

MAX_FACES = 5_000


@dataclass(frozen=True)
class Case:
    """A damaged file in its own folder, and the kind of its reader."""

    subject: str
    path: Path


def make_judge(root: Path) -> Callable[[Case], str]:
    """A function that reads cases below ``root``: ``accepted``, ``refused``, or an error for a violated rule."""
    guard = _Guard(root)
    sys.addaudithook(guard)
    tag_tables._read_isolated = tag_tables._read_parquet  # this is a child process already, which may have none

    def judge(case: Case) -> str:
        guard.seen.clear()
        subject = SUBJECTS[case.subject]
        try:
            subject.read(case.path)
            outcome = "accepted"
        except subject.refusals as error:
            outcome = "refused"
            if not str(error).strip():
                raise AssertionError("an empty reason") from error
            if subject.names_file and case.path.name not in str(error) and str(case.path.parent) not in str(error):
                raise AssertionError(f"the file is not named in {error}") from error
        if guard.seen:
            raise AssertionError(f"opened {guard.seen} outside {root}")
        return outcome

    return judge


class _Guard:
    """Records files outside a folder that Python code opens for writing, and files with secrets."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path = arguments[0].decode("utf-8", "replace") if isinstance(arguments[0], bytes) else arguments[0]
        writes = isinstance(arguments[1], str) and any(letter in arguments[1] for letter in "wax+")
        if not path.startswith((self.root, "/dev/null")) and (writes or "passwd" in path or "secret" in path):
            self.seen.append(path)


def _read_obj(path: Path) -> None:
    """An accepted model must give the evaluation and the renderers the same surface."""
    mesh = load_obj(path, MAX_FACES)
    measured = surfaces.measure_surface(mesh, "a", "test", 64, 0)
    if not (np.abs(measured.points) <= 0.5 + 1e-6).all():
        raise AssertionError("points outside the unit cube")
    shown = sum(float(part.mesh.face_areas().sum()) for part in _parts(path))
    true = float(normalise(mesh).face_areas().sum())
    if not np.isclose(shown, true, rtol=1e-3):
        raise AssertionError(f"renderers show an area of {shown}, the true one is {true}")


def _parts(path: Path) -> list:
    try:
        return load_submeshes(path)
    except ModelError as error:
        raise AssertionError(f"accepted by the catalogue, but not by the renderers: {error}") from error


def _read_mtl(path: Path) -> None:
    found = read_materials(path.parent, ("wood", "tin", ""), (path.name,))
    for material in (*found.numbered, found.unnamed):
        if not all(0.0 <= channel <= 1.0 for channel in material.colour):
            raise AssertionError(f"a colour of {material.colour}")


def _read_info(path: Path) -> None:
    infos, refused = read_model_info(path)
    for info in infos:
        json.dumps(make_caption(info.style, info.category, info.material)).encode()
        if (path.parent / info.model_id).resolve().parent != path.parent.resolve():
            raise AssertionError(f"the id {info.model_id!r} leads out of the folder")
    write_quarantine(path.parent / "quarantine.csv", refused)
    if len(read_quarantine(path.parent / "quarantine.csv")) != len(refused):
        raise AssertionError("a refused entry breaks the quarantine")


def _read_texture(path: Path) -> None:
    pixels = load_texture(path)
    if pixels.dtype != np.uint8 or max(pixels.shape) > 1024:
        raise AssertionError(f"a texture of {pixels.shape} {pixels.dtype}")


def _read_image(path: Path) -> None:
    decode_png(path.read_bytes(), max_pixels=1 << 20)


def _read_shard(path: Path) -> None:
    refused = []
    for read in (
        lambda: reader.load_training_views([path]),
        lambda: reader.load_evaluation_views([path], "test", 2),
        lambda: reader.load_view_labels([path], "test", None),
    ):
        try:
            read()
        except ShardError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _read_surfaces(path: Path) -> None:
    found = surfaces.load_surfaces([path])
    for model_id in found:
        surface = found[model_id]
        if surface.occupancy.shape != (32, 32, 32):
            raise AssertionError(f"an occupancy of {surface.occupancy.shape}")


def _read_predictions(path: Path) -> None:
    read_predictions(path.parent)
    evaluated.read_predictions([path.parent], "coarse")


def _read_curves(path: Path) -> None:
    last_validation(read_curves(path.parent))


def _read_tags(path: Path) -> None:
    files = {name: PurePosixPath(name, "o.obj") for name in "abc"}
    for model_id, info in read_folder_tags(path, files).items():
        if info.model_id != model_id or model_id not in files:
            raise AssertionError(f"tags of {info.model_id!r} for {model_id!r}")
        json.dumps(make_caption(info.style, info.category, info.material)).encode()


def _read_photo_tags(path: Path) -> None:
    table = read_photo_tags(path.parent)
    refused = {row.path for row in table.refused}
    for photo, said in table.tags.items():
        json.dumps([photo, said.caption]).encode()
        if said.object_id is not None and not is_safe_id(said.object_id) and photo not in refused:
            raise AssertionError(f"the id {said.object_id!r} is no name of files")


@dataclass(frozen=True)
class Subject:
    """A kind of file: name, reader, allowed exceptions, and rules.

    ``names_file`` says whether the message must name the file, ``isolated`` whether users' files are read in a child
    process, which they may crash.
    """

    file_name: str
    read: Callable[[Path], None]
    refusals: tuple[type[Exception], ...]
    names_file: bool = True
    isolated: bool = False


SUBJECTS = {
    "obj": Subject("raw_model.obj", _read_obj, (ModelError,)),
    "mtl": Subject("model.mtl", _read_mtl, ()),
    "model_info": Subject("model_info.json", _read_info, (DatasetError,)),
    "texture": Subject("texture.png", _read_texture, (ImageError,)),
    "image": Subject("image.png", _read_image, (ImageError,), names_file=False),
    "shard": Subject("shard-0000.parquet", _read_shard, (ShardError,)),
    "surfaces": Subject("shard-0000.parquet", _read_surfaces, (ShardError,)),
    "catalogue": Subject("models.parquet", lambda path: catalogue.read_models(path) and None, (ValueError,)),
    "tags": Subject("tags.parquet", _read_tags, (DatasetError,), isolated=True),
    "photographs": Subject("photographs.parquet", _read_photo_tags, (DatasetError,), isolated=True),
    "predictions": Subject("predictions.parquet", _read_predictions, (PredictionsError,)),
    "views": Subject("views.parquet", lambda path: read_discovered_views(path.parent, "7") and None, (DiscoveryError,)),
    "curves": Subject("metrics.parquet", _read_curves, (CurvesError,)),
}
"""Readers with the project's own errors that they may raise; a broken MTL raises none."""
