"""A checkpoint whose network predicts a ball for every image."""

import pytest
from photographed import RENDER, BallNet
from run_descriptions import write_run_description

from shelfnet.prediction import checkpoints, predictor

RECONSTRUCT = {"resolution": 16, "level": 0.5, "texture": "vertex"}
REFINE = {"iterations": 2, "resolution_px": 24, "max_faces": 200, "texture": "vertex"}


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """The only model of a working directory, with fast settings; its network is the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "packaged_checkpoint", lambda: None)
    monkeypatch.setattr(predictor, "load_model", lambda folder, device: BallNet())
    folder = tmp_path / "results" / "base" / "seed0"
    folder.mkdir(parents=True)
    render = RENDER.model_dump(mode="json")
    write_run_description(folder, iterations=7, render=render, reconstruct=RECONSTRUCT, refine=REFINE)
    return folder
