import threading

import numpy as np
import pytest

from shelfnet.data.occupancy import solid_occupancy
from shelfnet.data.surfaces import measure_surface
from shelfnet.evaluation.alignment import YRotation
from shelfnet.evaluation.metrics import iou
from shelfnet.evaluation.scoring import (
    EMPTY_SCORE,
    has_surface,
    prediction_occupancy,
    score_in_parallel,
    score_mesh,
    score_surfaces,
    true_surface,
)
from shelfnet.geometry.meshes import Mesh, normalise

IDENTITY = YRotation(0.0, 1)


@pytest.fixture
def true(l_shape, settings):
    return true_surface(measure_surface(l_shape, "chair", "test", 1_000, 0), "chair", settings)


def test_alignment_rotates_points_normals_and_occupancy(l_shape, true, settings):
    predicted = Mesh(YRotation(-70.0, 1).apply(normalise(l_shape).vertices), l_shape.faces)
    aligned = score_mesh(predicted, YRotation(70.0, 1), true, settings, np.random.default_rng(0))
    crooked = score_mesh(predicted, IDENTITY, true, settings, np.random.default_rng(0))
    assert aligned.metrics.chamfer < 0.03 < crooked.metrics.chamfer
    assert aligned.metrics.iou == 1.0 > 2 * crooked.metrics.iou
    assert aligned.metrics.normal_consistency > 0.9 > crooked.metrics.normal_consistency
    assert (aligned.status, aligned.components, aligned.floater_fraction) == ("ok", 1.0, 0.0)


@pytest.mark.parametrize(
    "vertices", [np.zeros((0, 3)), np.zeros((3, 3)), np.full((3, 3), np.nan)], ids=["no faces", "no area", "not finite"]
)
def test_mesh_without_surface_is_empty(vertices, true, settings):
    faces = np.arange(len(vertices)).reshape(-1, 3)
    mesh = Mesh(vertices, faces)
    assert not has_surface(mesh)
    assert score_mesh(mesh, IDENTITY, true, settings, np.random.default_rng(0)) == EMPTY_SCORE


def test_empty_score_is_worse_than_a_distant_prediction(make_sphere, true, settings):
    far = score_mesh(make_sphere(0.01, (0.5, 0.5, 0.5)), IDENTITY, true, settings, np.random.default_rng(0))
    assert far.metrics.chamfer < EMPTY_SCORE.metrics.chamfer
    assert far.metrics.chamfer_l2 < EMPTY_SCORE.metrics.chamfer_l2
    assert EMPTY_SCORE.columns()["status"] == "empty"


def test_scores_of_several_surfaces_are_averaged(l_shape, make_sphere, true, settings):
    others = [
        true_surface(measure_surface(mesh, "other", "train", 1_000, 1), "other", settings)
        for mesh in (l_shape, make_sphere(0.3))
    ]
    singles = [score_surfaces([other], true, settings).metrics for other in others]
    both = score_surfaces(others, true, settings)
    assert both.metrics.chamfer == pytest.approx(np.mean([single.chamfer for single in singles]))
    assert both.metrics.iou == pytest.approx(np.mean([single.iou for single in singles]))
    assert np.isnan([both.components, both.floater_fraction]).all()


def test_too_few_true_points_raise(l_shape, settings):
    with pytest.raises(ValueError, match=r"chair.*1000.*300"):
        true_surface(measure_surface(l_shape, "chair", "test", 300, 0), "chair", settings)


def test_parallel_scores_keep_the_order_of_objects():
    later = threading.Event()

    def score(name):
        # The first object ends only after the second one has begun.
        assert later.wait(10.0) if name == "a" else later.set() is None
        yield from ({"name": name, "view": view} for view in range(2))

    rows = score_in_parallel(score, ["a", "b"], threads=2)
    assert list(zip(rows["name"], rows["view"], strict=True)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_parallel_scoring_raises_the_error_of_an_object():
    with pytest.raises(ZeroDivisionError):
        score_in_parallel(lambda value: [{"inverse": 1 / value}], [1, 0], threads=2)


def test_occupancy_inside_the_cube_equals_that_of_true_surfaces(make_sphere, l_shape):
    for mesh in (make_sphere(0.37, (0.05, 0.02, -0.1)), l_shape):
        np.testing.assert_array_equal(prediction_occupancy(mesh), solid_occupancy(mesh))


@pytest.mark.parametrize("reach", [0.52, 0.7, 1.4, 5.0])
def test_occupancy_of_mesh_beyond_the_cube_stays_filled(make_box, reach):
    box = make_box((-0.2, -0.2, -0.2), (reach, 0.2, 0.2))
    occupancy = prediction_occupancy(box)
    assert occupancy.shape == (32, 32, 32)
    assert occupancy[16, 16].sum() == pytest.approx(0.7 * 32, abs=1.0)
    assert not occupancy[16, 16, :8].any()


def test_iou_of_boxes_is_that_of_their_volumes(make_box):
    cell = 1.0 / 32
    left = prediction_occupancy(make_box((-12 * cell, -8 * cell, -8 * cell), (4 * cell, 8 * cell, 8 * cell)))
    right = prediction_occupancy(make_box((-4 * cell, -8 * cell, -8 * cell), (12 * cell, 8 * cell, 8 * cell)))
    assert iou(left, right) == pytest.approx(8 / 24, abs=0.04)


def test_occupancy_of_sphere_has_its_volume(make_sphere):
    filled = prediction_occupancy(make_sphere(0.4)).mean()
    assert 4 / 3 * np.pi * 0.4**3 < filled < 4 / 3 * np.pi * (0.4 + 1 / 32) ** 3


def test_occupancy_of_marching_cubes_mesh_is_filled():
    measure = pytest.importorskip("skimage.measure")
    grid = np.linspace(-0.5, 0.5, 64)
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij")
    vertices, faces, _, _ = measure.marching_cubes(0.3 - np.sqrt(x**2 + y**2 + z**2), 0.0)
    mesh = Mesh(vertices[:, ::-1] / 63.0 - 0.5, faces.astype(np.int64))
    assert 4 / 3 * np.pi * 0.3**3 < prediction_occupancy(mesh).mean() < 4 / 3 * np.pi * (0.3 + 1 / 32) ** 3
