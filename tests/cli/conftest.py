"""Photos of discs, and a checkpoint whose network sees a ball in them."""

import json

import numpy as np
import pytest
from photographed import RENDER, BallNet
from PIL import Image

from shelfnet.cli import predict as command


def _write_photo(path, radius_px=30.0, background=255, alpha=True):
    """A red disc on a wide image, with its mask as alpha."""
    y, x = np.mgrid[:90, :160]
    disc = np.hypot(x - 60.0, y - 40.0) < radius_px
    rgba = np.full((90, 160, 4), (*[background] * 3, 0), np.uint8)
    rgba[disc] = (200, 40, 40, 255)
    rgba[disc & (x > 60)] = (40, 40, 200, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba if alpha else rgba[..., :3]).save(path)
    Image.fromarray(np.uint8(255) * disc).save(path.with_name(f"{path.stem}_mask.png")) if not alpha else None
    return path


@pytest.fixture
def write_photo():
    return _write_photo


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A folder with a description, beside which the network is the stand-in; the working directory has no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_model", lambda folder, device: BallNet())
    folder = tmp_path / "results" / "base" / "seed0"
    folder.mkdir(parents=True)
    description = {"ablation": "base", "iterations": 7, "render": RENDER.model_dump(mode="json"), "object_share": 0.6}
    (folder / "model.json").write_text(json.dumps(description))
    return folder
