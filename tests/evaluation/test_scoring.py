import numpy as np
import pytest

from shelfnet.data.surfaces import measure_surface
from shelfnet.evaluation.alignment import YRotation
from shelfnet.evaluation.scoring import EMPTY_SCORE, has_surface, score_mesh, score_surfaces, true_surface
from shelfnet.geometry.meshes import Mesh, normalise

IDENTITY = YRotation(0.0, 1)


@pytest.fixture
def true(l_shape, settings):
    return true_surface(measure_surface(l_shape, "chair", "test", 1_000, 0), "chair", settings)


def test_the_alignment_turns_points_normals_and_occupancy(l_shape, true, settings):
    predicted = Mesh(YRotation(-70.0, 1).apply(normalise(l_shape).vertices), l_shape.faces)
    aligned = score_mesh(predicted, YRotation(70.0, 1), true, settings, np.random.default_rng(0))
    crooked = score_mesh(predicted, IDENTITY, true, settings, np.random.default_rng(0))
    assert aligned.metrics.chamfer < 0.03 < crooked.metrics.chamfer
    assert aligned.metrics.iou == 1.0 > 2 * crooked.metrics.iou
    assert aligned.metrics.normal_consistency > 0.9 > crooked.metrics.normal_consistency
    assert (aligned.status, aligned.components, aligned.floater_fraction) == ("ok", 1.0, 0.0)


@pytest.mark.parametrize(
    "vertices",
    [np.zeros((0, 3)), np.zeros((3, 3)), np.full((3, 3), np.nan)],
    ids=["no faces", "no area", "not finite"],
)
def test_a_mesh_without_a_surface_is_empty(vertices, true, settings):
    faces = np.arange(len(vertices)).reshape(-1, 3)
    mesh = Mesh(vertices, faces)
    assert not has_surface(mesh)
    assert score_mesh(mesh, IDENTITY, true, settings, np.random.default_rng(0)) == EMPTY_SCORE


def test_an_empty_score_is_worse_than_a_far_one(make_sphere, true, settings):
    far = score_mesh(make_sphere(0.01, (0.5, 0.5, 0.5)), IDENTITY, true, settings, np.random.default_rng(0))
    assert far.metrics.chamfer < EMPTY_SCORE.metrics.chamfer
    assert far.metrics.chamfer_l2 < EMPTY_SCORE.metrics.chamfer_l2
    assert EMPTY_SCORE.columns()["status"] == "empty"


def test_several_surfaces_are_averaged(l_shape, make_sphere, true, settings):
    others = [
        true_surface(measure_surface(mesh, "other", "train", 1_000, 1), "other", settings)
        for mesh in (l_shape, make_sphere(0.3))
    ]
    singles = [score_surfaces([other], true, settings).metrics for other in others]
    both = score_surfaces(others, true, settings)
    assert both.metrics.chamfer == pytest.approx(np.mean([single.chamfer for single in singles]))
    assert both.metrics.iou == pytest.approx(np.mean([single.iou for single in singles]))
    assert np.isnan([both.components, both.floater_fraction]).all()
    with pytest.raises(ValueError, match="at least one surface"):
        score_surfaces([], true, settings)


def test_too_few_true_points_are_named(l_shape, settings):
    with pytest.raises(ValueError, match=r"model chair: expected 1000 .* got 300"):
        true_surface(measure_surface(l_shape, "chair", "test", 300, 0), "chair", settings)
