"""The trained network as a registered model of MLflow, loaded by a process that knows only MLflow."""

import subprocess
import sys
from pathlib import Path

from photographed import write_photo
from run_descriptions import run_description

from shelfnet.config.workflow import TrackingSettings
from shelfnet.networks.checkpoint import DESCRIPTION, WEIGHTS, save_model
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.mirror import mirror

LOAD = """
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///results/mlflow.db")
model = mlflow.pyfunc.load_model("models:/shelfnet-base/1")
meshes = model.predict(pd.DataFrame({"photo": [open("a.png", "rb").read()]}))
open("a.glb", "wb").write(meshes["mesh"][0])
"""


def test_a_model_turns_a_photo_into_a_mesh_where_the_folder_was_moved_to(tmp_path, monkeypatch):
    """The network is real but untrained; its level is below every occupancy, so that there is a surface."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    monkeypatch.chdir(before)
    description = run_description(
        render={"fov_deg": 30.0, "resolution_px": 32},
        reconstruct={"resolution": 8, "level": 0.001, "texture": "vertex"},
        refine={"iterations": 1, "max_faces": 100, "texture": "vertex", "resolution_px": 24},
    )
    run = Path("results/base/seed0")
    save_model(run, ShelfNet(description.model, description.render), description.model_dump(mode="json"))
    Journal(Path("results/journal/train-base-0.jsonl"), "base/seed0").model(run / WEIGHTS, run / DESCRIPTION)
    report = mirror(Path("results/journal"), TrackingSettings(timeout_s=60.0), Path("results"))
    assert (report.artifacts, report.problems) == (1, [])
    monkeypatch.chdir(tmp_path)
    before.rename(after)
    (after / "results" / "base" / "seed0" / WEIGHTS).unlink()
    write_photo(after / "a.png")
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=after, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (after / "a.glb").read_bytes()[:4] == b"glTF"
    assert not before.exists()
