"""The names that ``import shelfnet`` offers."""

import subprocess
import sys

import pytest

import shelfnet
from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction.predictor import Predictor

PROGRAM = """
import sys, shelfnet
print([name for name in ("torch", "numpy", "trimesh") if name in sys.modules])
print(sorted(shelfnet.__all__), set(shelfnet.__all__) <= set(dir(shelfnet)))
"""


def test_import_is_lazy():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "['Mesh', 'Predictor', '__version__'] True"]


def test_public_names():
    assert shelfnet.Mesh is Mesh
    assert shelfnet.Predictor is Predictor
    with pytest.raises(AttributeError, match="Meshes"):
        _ = shelfnet.Meshes
