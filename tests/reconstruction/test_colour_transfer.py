import math

import numpy as np
import pytest

from shelfnet.reconstruction.colour_transfer import MAX_ANGLE_DEG, MAX_DISTANCE, nearest_visible
from shelfnet.reconstruction.projective_texturing import WeightedColours

UP = np.array([0.0, 1.0, 0.0])
RED, GREEN = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def transferred(visible, hidden, hidden_normals=None, colours=None):
    """Colours that hidden points get from visible points whose normal is +Y, red unless given."""
    visible, hidden = np.atleast_2d(visible), np.atleast_2d(hidden)
    points = np.concatenate([visible, hidden])
    normals = np.tile(UP, (len(points), 1))
    if hidden_normals is not None:
        normals[len(visible) :] = hidden_normals
    known = np.zeros_like(points)
    known[: len(visible)] = RED if colours is None else colours
    weights = np.repeat([1.0, 0.0], [len(visible), len(hidden)])
    found = nearest_visible(points, normals, WeightedColours(known, weights))
    assert found.weights[: len(visible)].max() == 0.0  # the photo itself shows these
    return WeightedColours(found.colours[len(visible) :], found.weights[len(visible) :])


def test_near_points_take_the_colour_and_distant_ones_do_not():
    along = np.linspace(0.0, 2.0 * MAX_DISTANCE, 50)
    found = transferred([0.0, 0.0, 0.0], np.column_stack([along, 0.0 * along, 0.0 * along]))
    np.testing.assert_allclose(found.weights[along < 0.5 * MAX_DISTANCE], 1.0)
    np.testing.assert_allclose(found.weights[along > MAX_DISTANCE], 0.0)
    assert (np.diff(found.weights) <= 0.0).all()
    assert np.abs(np.diff(found.weights)).max() < 0.2
    np.testing.assert_allclose(found.colours[found.weights > 0.0], np.tile(RED, ((found.weights > 0.0).sum(), 1)))


@pytest.mark.parametrize(("angle_deg", "weight"), [(0.0, 1.0), (0.4, 1.0), (1.05, 0.0), (1.2, 0.0)])
def test_points_with_another_normal_take_no_colour(angle_deg, weight):
    angle = math.radians(angle_deg * MAX_ANGLE_DEG)
    normal = np.array([math.sin(angle), math.cos(angle), 0.0])
    assert transferred(np.zeros(3), np.zeros(3), normal).weights == pytest.approx(weight)


def test_nearest_of_several_colours_dominates_and_the_middle_is_mixed():
    red, green = np.zeros(3), np.array([0.1, 0.0, 0.0])
    places = [[0.0, 0.0, 0.001], [0.05, 0.0, 0.0], [0.1, 0.0, 0.001]]
    found = transferred([red, green], places, colours=[RED, GREEN]).colours
    np.testing.assert_allclose(found, [RED, 0.5 * (RED + GREEN), GREEN], atol=1e-3)


def test_nothing_is_transferred_from_faintly_visible_points():
    points, normals = np.zeros((2, 3)), np.tile(UP, (2, 1))
    found = nearest_visible(points, normals, WeightedColours(np.tile(RED, (2, 1)), np.array([0.1, 0.0])))
    np.testing.assert_array_equal(found.weights, 0.0)


def test_many_visible_points_serve_as_few():
    random = np.random.default_rng(0)
    visible = random.uniform(-0.2, 0.2, (20_000, 3)) * [1.0, 0.0, 1.0]
    hidden = random.uniform(-0.2, 0.2, (50, 3)) * [1.0, 0.0, 1.0]
    found = transferred(visible, hidden, colours=0.5 + visible)
    np.testing.assert_allclose(found.weights, 1.0)
    np.testing.assert_allclose(found.colours, 0.5 + hidden, atol=0.02)
