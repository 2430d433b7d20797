"""Animations of a mesh."""

from importlib.util import find_spec

import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction import turntable
from shelfnet.prediction.photo_prediction import View
from shelfnet.prediction.turntable import TurntableFormatError, save_turntable
from shelfnet.reconstruction.coloured_mesh import ColouredMesh

BOX = trimesh.creation.box((0.1, 0.5, 0.8))
SURFACE = ColouredMesh(Mesh(np.asarray(BOX.vertices), np.asarray(BOX.faces, dtype=np.int64)), np.full((8, 3), 0.6))
VIEW = View(90.0, 5.0, 35.0, 2.6)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(turntable, "FRAMES", 4)
    monkeypatch.setattr(turntable, "SIZE_PX", 48)


def widths(path):
    """Width of the object in every frame."""
    with Image.open(path) as animation:
        found = []
        for number in range(getattr(animation, "n_frames", 1)):
            animation.seek(number)
            grey = np.asarray(animation.convert("L"))
            found.append(int((grey < 230).any(axis=0).sum()))
        return found, animation.info


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".GIF"])
def test_object_makes_one_turn_from_the_predicted_view(tmp_path, suffix):
    save_turntable(tmp_path / "new" / f"chair{suffix}", SURFACE, VIEW)
    (side, front, other_side, back), info = widths(tmp_path / "new" / f"chair{suffix}")
    assert side == pytest.approx(other_side, abs=2) and front == pytest.approx(back, abs=2)
    assert side > 2 * front
    assert info["loop"] == 0


@pytest.mark.skipif(find_spec("av") is not None, reason="the encoder of MP4 is installed")
def test_missing_encoder_is_named_with_the_other_formats(tmp_path):
    with pytest.raises(TurntableFormatError, match=r"chair\.mp4.*\.gif.*\.webp"):
        save_turntable(tmp_path / "chair.mp4", SURFACE, VIEW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(find_spec("av") is None, reason="the encoder of MP4 is not installed")
def test_mp4(tmp_path):
    save_turntable(tmp_path / "chair.mp4", SURFACE, VIEW)
    assert b"ftyp" in (tmp_path / "chair.mp4").read_bytes()[:16]


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(TurntableFormatError, match=r"chair\.avi.*\.gif"):
        save_turntable(tmp_path / "chair.avi", SURFACE, VIEW)
