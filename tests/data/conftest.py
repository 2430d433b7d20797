"""Fixtures: small data sets in the 3D-FUTURE layout, and rows of shards."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BOX = """mtllib model.mtl
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
v 0 0 1
v 2 0 1
v 2 1 1
v 0 1 1
usemtl wood
f 1 4 3 2
f 5 6 7 8
f 1 2 6 5
f 3 4 8 7
f 2 3 7 6
f 4 1 5 8
"""
"""A closed box of 2 x 1 x 1 with outward faces."""

TAGS = {"super-category": "Chair", "category": "Dining Chair", "style": "Modern", "theme": None, "material": "Wood"}


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _write_model(root: Path, model_id: str, obj: str = BOX) -> Path:
    folder = root / model_id
    folder.mkdir(parents=True)
    (folder / "raw_model.obj").write_text(obj)
    (folder / "model.mtl").write_text("newmtl wood\nKd 1 1 1\nmap_Kd texture.png\n")
    (folder / "texture.png").write_bytes(_png(np.full((4, 4, 3), 200, np.uint8)))
    return folder


def _write_list(root: Path, entries: list) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "model_info.json").write_text(json.dumps(entries))


def _zip_folder(path: Path, folder: Path, prefix: str = "", only: Callable[[str], bool] = lambda name: True) -> Path:
    """Zips the files of a folder whose relative names satisfy ``only``, below ``prefix``."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and only(name):
                archive.write(file, prefix + name)
    return path


def _image_row(model_id: str, view: int, /, **changes) -> dict:
    pixels = np.full((6, 6, 4), view, np.uint8)
    row = {
        "model_id": model_id,
        "split": "train",
        "view": view,
        "image": {"bytes": _png(pixels), "path": f"{model_id}_{view:03d}.png"},
        "caption": f"A {model_id}",
        "category": None,
        "super_category": "Chair",
        "style": "Modern",
        "theme": None,
        "material": "Wood",
        "azimuth_deg": 10.0 * view,
        "elevation_deg": -1.0 * view,
        "cam2world": np.eye(4).ravel().tolist(),
        "fov_deg": 35.0,
        "engine": "pyrender",
        "seed": 7,
    }
    return row | changes


@pytest.fixture
def box() -> str:
    return BOX


@pytest.fixture
def png():
    return _png


@pytest.fixture
def image_row():
    return _image_row


@pytest.fixture
def write_model():
    return _write_model


@pytest.fixture
def write_list():
    return _write_list


@pytest.fixture
def zip_folder():
    return _zip_folder


@pytest.fixture
def write_dataset():
    """Writes models with the same tags, except for changes given by model."""

    def write(root: Path, *model_ids: str, **tags) -> Path:
        for model_id in model_ids:
            _write_model(root, model_id)
        _write_list(root, [{"model_id": model_id, **TAGS, **tags} for model_id in model_ids])
        return root

    return write
