import json
import math
from dataclasses import replace

import numpy as np
import pytest
from photographed import AZIMUTH, ELEVATION, RADIUS, RENDER, BallNet, write_views

from shelfnet.config.meshes import ReconstructSettings
from shelfnet.data.predictions import read_predictions
from shelfnet.reconstruction.coloured_mesh import load_glb
from shelfnet.steps import reconstruct as step

SETTINGS = ReconstructSettings(resolution=16, level=0.5, max_faces=600, views_per_model=2)


@pytest.fixture
def run(tmp_path, monkeypatch):
    def reconstruct(part=0, shard=None, model=None, name="out", **changes):
        monkeypatch.setattr(step, "load_model", lambda folder, device: model or BallNet())
        output = tmp_path / name
        step.reconstruct(
            settings=SETTINGS.model_copy(update=changes),
            render=RENDER,
            checkpoint=tmp_path / "base" / "seed3",
            shards=[shard or write_views(tmp_path / "shard.parquet")],
            part=part,
            device="cpu",
            output=output,
            journal=tmp_path / "journal.jsonl",
        )
        return output, read_predictions(output)

    return reconstruct


def test_every_view_of_both_splits_is_reconstructed(run):
    output, rows = run()
    assert [(row.model_id, row.split, row.view) for row in rows] == [
        ("v0", "validation", 0),
        ("v0", "validation", 1),
        ("t0", "test", 0),
        ("t0", "test", 1),
        ("t1", "test", 0),
        ("t1", "test", 1),
    ]
    assert {path.name for path in output.glob("*.glb")} == {f"{row.model_id}_{row.view:03d}.glb" for row in rows}
    for row in rows:
        assert (row.stage, row.status) == ("coarse", "ok")
        assert row.azimuth_deg == pytest.approx(math.degrees(AZIMUTH), abs=1e-4)
        assert row.elevation_deg == pytest.approx(math.degrees(ELEVATION), abs=1e-4)
        assert row.seconds > 0


def test_mesh_has_shape_and_colours_of_the_field(run):
    output, rows = run()
    loaded = load_glb(output / rows[0].mesh)
    assert (len(loaded.mesh.vertices), len(loaded.mesh.faces)) == (rows[0].n_vertices, rows[0].n_faces)
    assert rows[0].n_faces <= SETTINGS.max_faces
    np.testing.assert_allclose(np.linalg.norm(loaded.mesh.vertices, axis=1), RADIUS, atol=0.01)
    # The renderer sees colours a little below the surface.
    np.testing.assert_allclose(loaded.colours, 0.5 + loaded.mesh.vertices, atol=0.04)


def test_texture_shows_image_where_visible(run):
    output, rows = run(texture="atlas", texture_px=64)
    loaded = load_glb(output / rows[0].mesh)
    assert (len(loaded.mesh.vertices), len(loaded.mesh.faces)) == (rows[0].n_vertices, rows[0].n_faces)
    towards = np.array([math.sin(AZIMUTH), 0.0, math.cos(AZIMUTH)])
    depth = loaded.mesh.vertices @ towards / RADIUS
    red = np.array([200, 40, 40]) / 255.0
    np.testing.assert_allclose(loaded.colours[depth > 0.9], np.broadcast_to(red, ((depth > 0.9).sum(), 3)), atol=0.02)
    mirrored = loaded.mesh.vertices @ (towards * [-1.0, 1.0, 1.0]) / RADIUS > 0.9
    np.testing.assert_allclose(loaded.colours[mirrored], np.broadcast_to(red, (mirrored.sum(), 3)), atol=0.02)
    # Behind, colours fade from those of the nearest visible points to the predicted ones.
    predicted, found = 0.5 + loaded.mesh.vertices[depth < -0.2], loaded.colours[depth < -0.2]
    assert (found >= np.minimum(predicted, red) - 0.06).all()
    assert (found <= np.maximum(predicted, red) + 0.06).all()


def test_mask_iou_compares_silhouette_with_mask(run, tmp_path):
    disc_px = 0.5 * RENDER.resolution_px * math.tan(math.asin(RADIUS / RENDER.camera_distance))
    fitting = write_views(tmp_path / "fitting.parquet", disc_px / math.tan(math.radians(RENDER.fov_deg / 2)))
    assert run(shard=fitting)[1][0].mask_iou > 0.95
    assert run(shard=write_views(tmp_path / "small.parquet", 3.0))[1][0].mask_iou < 0.3


def test_true_poses_are_not_used(run, tmp_path):
    one = run(shard=write_views(tmp_path / "one.parquet", azimuth_deg=10.0), name="one")
    other = run(shard=write_views(tmp_path / "other.parquet", azimuth_deg=-99.0), name="other")
    assert [replace(row, seconds=0.0) for row in one[1]] == [replace(row, seconds=0.0) for row in other[1]]
    assert all((one[0] / row.mesh).read_bytes() == (other[0] / row.mesh).read_bytes() for row in one[1])


def test_parts_split_the_views(run):
    first, second = (run(part=part, parts=2, name=f"part-{part}")[1] for part in (0, 1))
    whole = run()[1]

    def names(rows):
        return [(row.model_id, row.view) for row in rows]

    assert names(first) == names(whole)[0::2]
    assert names(second) == names(whole)[1::2]


def test_empty_prediction_is_a_row_without_mesh(run):
    output, rows = run(model=BallNet(radius=-1.0))
    assert {row.status for row in rows} == {"empty"}
    assert {(row.mesh, row.n_faces, row.mask_iou) for row in rows} == {(None, 0, 0.0)}
    assert not list(output.glob("*.glb"))


def test_old_output_is_replaced(run):
    output, _ = run()
    (output / "stale_000.glb").write_bytes(b"old")
    run()
    assert not (output / "stale_000.glb").exists()
    assert not output.with_name("out.partial").exists()


def test_journal_events(run, tmp_path):
    output, rows = run()
    events = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert {event["run"] for event in events} == {"base/seed3"}
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    assert metrics["reconstruct/views"] == len(rows)
    assert metrics["reconstruct/mask_iou"] == pytest.approx(np.mean([row.mask_iou for row in rows]))
    assert any(event["event"] == "artifact" and event["path"] == str(output) for event in events)


def test_invalid_part_is_refused(run):
    with pytest.raises(ValueError, match="2"):
        run(part=2, parts=2)
