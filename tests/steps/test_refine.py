import json
import math
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from photographed import AZIMUTH, ELEVATION, QUICK_REFINE, RENDER, SPLITS, write_views

from shelfnet.config.meshes import ReconstructSettings
from shelfnet.data.glb import MeshFileError
from shelfnet.data.predictions import Prediction, PredictionsError, mesh_name, read_predictions, write_predictions
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, load_glb, save_glb
from shelfnet.steps import refine as step

SETTINGS = QUICK_REFINE.model_copy(update={"batch_size": 2})
EMPTY_VIEW = ("t1", 0)


def coarse_row(folder, model_id, view):
    """A ball of radius 0.3 with colours that tell positions; one view predicts nothing."""
    row = Prediction(
        model_id, SPLITS[model_id], view, "coarse", "empty", None, math.degrees(AZIMUTH), math.degrees(ELEVATION),
        0, 0, 0.0, 1.5,
    )  # fmt: skip
    if (model_id, view) == EMPTY_VIEW:
        return row
    ball = trimesh.creation.icosphere(2, 0.3)
    mesh = Mesh(ball.vertices.copy(), ball.faces.astype(np.int64))
    name = mesh_name(model_id, view)
    save_glb(folder / name, ColouredMesh(mesh, 0.5 + mesh.vertices))
    return replace(row, status="ok", mesh=name, n_vertices=len(mesh.vertices), n_faces=len(mesh.faces), mask_iou=0.05)


@pytest.fixture
def coarse(tmp_path):
    folder = tmp_path / "base" / "seed3" / "coarse" / "part-0"
    folder.mkdir(parents=True)
    keys = [("v0", 0), ("t0", 0), ("t0", 1), EMPTY_VIEW, ("t1", 1)]
    write_predictions(folder, [coarse_row(folder, *key) for key in keys])
    return folder


@pytest.fixture
def run(tmp_path, coarse):
    def refine(radius_px=5.0, **changes):
        output = tmp_path / "refined"
        step.refine(
            settings=SETTINGS.model_copy(update=changes),
            reconstruct=ReconstructSettings(views_per_model=2),
            render=RENDER,
            coarse=coarse,
            shards=[write_views(tmp_path / "shard.parquet", radius_px)],
            device="cpu",
            output=output,
            journal=tmp_path / "journal.jsonl",
        )
        return output, read_predictions(output)

    return refine


def read_test_rows(folder):
    return [row for row in read_predictions(folder) if row.split == "test"]


def identity(rows):
    return [(row.model_id, row.split, row.view, row.status, row.mesh) for row in rows]


def test_refinement_raises_mask_iou(run, coarse):
    output, rows = run()
    assert identity(rows) == identity(read_test_rows(coarse))
    assert {row.stage for row in rows} == {"refined"}
    for row in rows:
        if row.mesh is not None:
            loaded = load_glb(output / row.mesh)
            assert len(loaded.mesh.faces) == row.n_faces <= SETTINGS.max_faces
            # Before, the ball covers (5.9 px / 5 px)^2 of the image's disc.
            assert row.mask_iou > 0.8
            assert row.seconds > 0


def test_mask_iou_is_measured_again(run):
    rows = [row for row in run(radius_px=7.0)[1] if row.mesh is not None]
    assert all(0.3 < row.mask_iou < 1.0 for row in rows)


def test_simplification_keeps_colours(run):
    output, rows = run(iterations=1)
    loaded = load_glb(output / rows[0].mesh)
    np.testing.assert_allclose(loaded.colours, 0.5 + loaded.mesh.vertices, atol=0.06)


def test_texture_shows_image_where_visible(run):
    output, rows = run(texture="atlas", texture_px=64)
    loaded = load_glb(output / rows[0].mesh)
    assert (len(loaded.mesh.vertices), len(loaded.mesh.faces)) == (rows[0].n_vertices, rows[0].n_faces)
    towards = np.array([math.sin(AZIMUTH), 0.0, math.cos(AZIMUTH)])
    depth = loaded.mesh.vertices @ towards / np.linalg.norm(loaded.mesh.vertices, axis=1)
    red = np.array([200, 40, 40]) / 255.0
    np.testing.assert_allclose(loaded.colours[depth > 0.9], np.broadcast_to(red, ((depth > 0.9).sum(), 3)), atol=0.03)
    mirrored = loaded.mesh.vertices @ (towards * [-1.0, 1.0, 1.0]) / np.linalg.norm(loaded.mesh.vertices, axis=1) > 0.9
    np.testing.assert_allclose(loaded.colours[mirrored], np.broadcast_to(red, (mirrored.sum(), 3)), atol=0.03)
    # Behind, colours fade from those of the nearest visible points to the predicted ones.
    predicted, found = 0.5 + loaded.mesh.vertices[depth < -0.2], loaded.colours[depth < -0.2]
    assert (found >= np.minimum(predicted, red) - 0.1).all()
    assert (found <= np.maximum(predicted, red) + 0.1).all()


def test_empty_prediction_stays_empty(run):
    output, rows = run()
    (empty,) = [row for row in rows if (row.model_id, row.view) == EMPTY_VIEW]
    assert (empty.status, empty.mesh, empty.stage, empty.mask_iou) == ("empty", None, "refined", 0.0)
    assert len(list(output.glob("*.glb"))) == len(rows) - 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"iterations": 0}])
def test_disabled_refinement_copies_meshes(run, coarse, change):
    output, rows = run(**change)
    for row, before in zip(rows, read_test_rows(coarse), strict=True):
        assert row == replace(before, stage="refined", seconds=0.0)
        if row.mesh is not None:
            assert (output / row.mesh).read_bytes() == (coarse / row.mesh).read_bytes()


def test_worse_mask_iou_keeps_coarse_mesh(run, coarse):
    perfect = [replace(row, mask_iou=1.0) for row in read_test_rows(coarse)]
    write_predictions(coarse, perfect)
    output, rows = run()
    for row, before in zip(rows, perfect, strict=True):
        assert replace(row, seconds=0.0) == replace(before, stage="refined", seconds=0.0)
        if row.mesh is not None:
            assert (output / row.mesh).read_bytes() == (coarse / row.mesh).read_bytes()


def test_batch_size(run, monkeypatch):
    sizes = []
    genuine = step.refine_reconstructions

    def spy(starts, *arguments):
        sizes.append(len(starts))
        return genuine(starts, *arguments)

    monkeypatch.setattr(step, "refine_reconstructions", spy)
    run(batch_size=2, iterations=1)
    assert sizes == [2, 1]


def test_view_missing_from_shards_is_named(run, coarse):
    rows = read_predictions(coarse)
    write_predictions(coarse, [*rows, replace(rows[-1], model_id="stranger")])
    with pytest.raises(PredictionsError, match=r"view 1.*stranger"):
        run()


def test_missing_mesh_is_named(run, coarse):
    (coarse / "t0_001.glb").unlink()
    with pytest.raises(MeshFileError, match=r"t0_001\.glb"):
        run()


def test_journal_events(run, tmp_path):
    output, rows = run(iterations=1)
    events = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert {event["run"] for event in events} == {"base/seed3"}
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    assert metrics["refine/mask_iou"] == pytest.approx(np.mean([row.mask_iou for row in rows]))
    assert any(event["event"] == "artifact" and event["path"] == str(output) for event in events)
