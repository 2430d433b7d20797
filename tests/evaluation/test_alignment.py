import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfnet.evaluation.alignment import (
    AlignmentPair,
    RigidTransform,
    SearchablePoints,
    ValidationSet,
    YRotation,
    fit_rigid,
    fit_y_rotation,
    iterative_closest_point,
    rotation_between_views,
)
from shelfnet.evaluation.view_errors import azimuth_error_deg, wrap_deg
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import sample_surface


def turned(points, angle_deg):
    return YRotation(angle_deg, 1).apply(points)


@pytest.fixture
def pair_turned_by(l_shape):
    def make(angle_deg: float, split: str = "validation", seed: int = 0) -> AlignmentPair:
        generator = np.random.default_rng(seed)
        true, _ = sample_surface(l_shape, 256, generator)
        predicted, _ = sample_surface(l_shape, 256, generator)
        return AlignmentPair(f"model{seed}", split, turned(predicted, angle_deg), true)

    return make


@pytest.mark.parametrize("split", ["test", "train", "Validation", ""])
def test_validation_set_refuses_other_splits(pair_turned_by, split):
    with pytest.raises(ValueError, match="model1"):
        ValidationSet((pair_turned_by(0.0), pair_turned_by(0.0, split, seed=1)))


def test_validation_set_is_immutable(pair_turned_by):
    validation = ValidationSet((pair_turned_by(0.0),))
    with pytest.raises(AttributeError):
        validation.pairs = (pair_turned_by(0.0, "test"),)
    with pytest.raises(AttributeError):
        validation.pairs[0].split = "test"


@pytest.mark.parametrize("angle_deg", [-177.0, -92.5, 0.0, 33.3, 179.0])
def test_fit_finds_the_rotation_between_the_frames(pair_turned_by, angle_deg):
    found = fit_y_rotation(ValidationSet(tuple(pair_turned_by(-angle_deg, seed=seed) for seed in range(3))), 24)
    assert abs(wrap_deg(np.array([found.angle_deg - angle_deg]))[0]) < 2.0
    assert found.n_predictions == 3
    assert found.label == f"y-rotation {found.angle_deg:.1f} deg (validation)"


def test_fit_is_finer_than_the_grid(pair_turned_by):
    found = fit_y_rotation(ValidationSet((pair_turned_by(-20.0),)), 8)
    assert found.angle_deg == pytest.approx(20.0, abs=2.0)


def test_fit_follows_the_majority(pair_turned_by):
    pairs = (*(pair_turned_by(-60.0, seed=seed) for seed in range(4)), pair_turned_by(120.0, seed=4))
    assert fit_y_rotation(ValidationSet(pairs), 24).angle_deg == pytest.approx(60.0, abs=5.0)


def test_fit_without_pairs_is_the_identity():
    found = fit_y_rotation(ValidationSet(()), 24)
    assert (found.angle_deg, found.label) == (0.0, "none (no validation surface)")
    assert math.isnan(found.fitted_deg)


@given(st.floats(-3.1, 3.1), st.floats(-1.4, 1.4), st.floats(-180.0, 180.0))
@settings(max_examples=30, deadline=None)
def test_rotating_a_scene_adds_to_its_azimuth(azimuth, elevation, angle_deg):
    def centre(angle):
        return look_at_origin(torch.tensor(angle, dtype=torch.float64), torch.tensor(elevation).double(), 2.6)[:3, 3]

    expected = centre(azimuth + math.radians(angle_deg)).numpy()
    np.testing.assert_allclose(turned(centre(azimuth).numpy()[None], angle_deg)[0], expected, atol=1e-9)


def test_alignment_of_meshes_also_aligns_azimuths(pair_turned_by):
    """In a learned frame rotated by -40 degrees, meshes and azimuths are both 40 degrees short."""
    found = fit_y_rotation(ValidationSet((pair_turned_by(-40.0),)), 24)
    true = np.array([10.0, 170.0, -100.0])
    errors = azimuth_error_deg(true - 40.0, true, found.angle_deg)
    assert errors.max() < 2.0


def random_rotation(generator, reflect=False):
    q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return q * (np.sign(np.linalg.det(q)) * (-1.0 if reflect else 1.0))


def test_fit_rigid_recovers_the_motion():
    generator = np.random.default_rng(0)
    source, motion = (
        generator.normal(size=(20, 3)),
        RigidTransform(random_rotation(generator), np.array([1.0, 2.0, 3.0])),
    )
    found = fit_rigid(source, motion.apply(source))
    np.testing.assert_allclose(found.rotation, motion.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, motion.translation, atol=1e-12)
    np.testing.assert_allclose(motion.apply_inverse(motion.apply(source)), source, atol=1e-12)


def test_fit_rigid_never_reflects():
    generator = np.random.default_rng(0)
    source = generator.normal(size=(20, 3))
    found = fit_rigid(source, source @ random_rotation(generator, reflect=True).T)
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-12)


def test_icp_lowers_the_symmetric_squared_distance(l_shape):
    generator = np.random.default_rng(0)
    source, target = (
        SearchablePoints(points)
        for points in (
            turned(sample_surface(l_shape, 500, generator)[0], 25.0) + 0.05,
            sample_surface(l_shape, 500, generator)[0],
        )
    )

    def objective(iterations):
        motion = iterative_closest_point(source, target, iterations, 500)
        there = target.index(motion.apply(source.points)).distances
        back = source.index(motion.apply_inverse(target.points)).distances
        return (there**2).mean() + (back**2).mean()

    losses = [objective(iterations) for iterations in range(0, 16, 3)]
    assert all(after <= before + 1e-12 for before, after in pairwise(losses))
    assert losses[-1] < 0.2 * losses[0]


def test_rotation_between_views_makes_both_cameras_see_the_same():
    predicted_deg, true_deg = (30.0, 12.0), (-75.0, 4.0)
    points = np.random.default_rng(0).normal(size=(20, 3))
    rotation = rotation_between_views(predicted_deg, true_deg)
    learned, object_frame = (
        look_at_origin(*torch.deg2rad(torch.tensor(view, dtype=torch.float64)), 2.0).numpy()
        for view in (predicted_deg, true_deg)
    )
    seen = (points - learned[:3, 3]) @ learned[:3, :3]
    np.testing.assert_allclose((points @ rotation.T - object_frame[:3, 3]) @ object_frame[:3, :3], seen, atol=1e-12)
    level = rotation_between_views((30.0, 5.0), (50.0, 5.0))
    np.testing.assert_allclose(level @ points.T, YRotation(20.0, 1).apply(points).T, atol=1e-12)
