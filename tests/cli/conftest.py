"""A checkpoint whose network predicts a ball for every image."""

import pytest
from photographed import RENDER, BallNet
from run_descriptions import write_run_description

from shelfnet.cli import predict as command


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A checkpoint folder in an otherwise empty working directory; the network is the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_model", lambda folder, device: BallNet())
    folder = tmp_path / "results" / "base" / "seed0"
    folder.mkdir(parents=True)
    write_run_description(folder, iterations=7, render=RENDER.model_dump(mode="json"))
    return folder
