"""The wheel by itself: its files, and prediction with nothing installed but the requirements of ``pip install .``."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pin
import pytest
import torch
from packaging.utils import canonicalize_name
from photographed import write_photo
from run_descriptions import run_description

from shelfnet.networks.checkpoint import save_model
from shelfnet.networks.shelfnet import ShelfNet

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "shelfnet")
WEIGHTS = ("model.safetensors", "model.json", "MODEL_CARD.md")

PREDICT = """
import sys
sys.modules.update(dict.fromkeys({blocked!r}))
from shelfnet import Predictor
Predictor.from_pretrained({run!r})({photo!r}).export("chair.glb")
print(sys.modules["shelfnet"].__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the tracked and the new files of this checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PARTS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout, so that its files cannot be told from other ones")
    source = tmp_path_factory.mktemp("source")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(source / "dist"), str(source)], check=True)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel, which sees the packages of this one behind it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    site = Path(paths["purelib"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    return Path(paths["scripts"]) / "python"


def run(python: Path, folder: Path, *arguments: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    done = subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocked_modules() -> list[str]:
    """Installed packages that ``pip install .`` does not install."""
    needed = pin.pins(pin.direct_requirements(())).keys()
    owners = packages_distributions()
    return sorted(
        name
        for name, distributions in owners.items()
        if not needed & {canonicalize_name(distribution) for distribution in distributions}
        and name not in sys.stdlib_module_names
        and not name.startswith(("_", "shelfnet"))
    )


def test_wheel_holds_data_files(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"shelfnet/weights/__init__.py", "shelfnet/report/templates/report.html.j2"} <= names
    present = {f"shelfnet/weights/{name}" for name in WEIGHTS if (ROOT / "shelfnet" / "weights" / name).is_file()}
    assert present <= names


def test_command_runs_outside_of_the_checkout(python, tmp_path):
    assert "--checkpoint" in run(python, tmp_path, "-m", "shelfnet", "predict", "--help")


def test_prediction_needs_only_the_requirements_of_the_package(python, tmp_path):
    blocked = blocked_modules()
    assert {"bpy", "mlflow", "snakemake", "pyrender", "torchvision", "numba"} <= set(blocked)
    description = run_description(
        render={"resolution_px": 32},
        reconstruct={"resolution": 8, "level": 0.001},
        refine={"iterations": 1, "max_faces": 100, "texture_px": 64, "resolution_px": 16},
    )
    torch.manual_seed(0)
    save_model(tmp_path / "run", ShelfNet(description.model, description.render), description.model_dump(mode="json"))
    photo = write_photo(tmp_path / "a.png")
    told = run(python, tmp_path, "-c", PREDICT.format(blocked=blocked, run=str(tmp_path / "run"), photo=str(photo)))
    assert Path(told.strip()).is_relative_to(python.parents[1])
    assert (tmp_path / "chair.glb").stat().st_size > 1000
