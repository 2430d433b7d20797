"""A checkpoint whose network predicts a ball for every image."""

import json

import pytest
from photographed import RENDER, BallNet

from shelfnet.cli import predict as command


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A checkpoint folder in an otherwise empty working directory; the network is the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_model", lambda folder, device: BallNet())
    folder = tmp_path / "results" / "base" / "seed0"
    folder.mkdir(parents=True)
    description = {"ablation": "base", "iterations": 7, "render": RENDER.model_dump(mode="json"), "object_share": 0.6}
    (folder / "model.json").write_text(json.dumps(description))
    return folder
