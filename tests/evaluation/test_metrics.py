import math

import numpy as np
import pytest

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation import metrics
from shelfnet.evaluation.alignment import SearchablePoints
from shelfnet.evaluation.metrics import WORST, SampledSurface, surface_metrics
from shelfnet.evaluation.scoring import prediction_occupancy
from shelfnet.geometry.meshes import Mesh, sample_surface

N = 10_000


def sampled(mesh: Mesh, seed: int, n_points: int = N):
    points, normals = sample_surface(mesh, n_points, np.random.default_rng(seed))
    occupancy = prediction_occupancy(mesh)
    return SampledSurface(points, normals=normals, occupancy=occupancy, dense=SearchablePoints(points))


def measured(predicted, true, icp_iterations=0, fscore_threshold=0.05):
    settings = EvaluateSettings(fscore_threshold=fscore_threshold, icp_iterations=icp_iterations, unicorn_iterations=0)
    return surface_metrics(predicted, true, settings)


def test_concentric_spheres_differ_by_their_radii(make_sphere):
    found = measured(sampled(make_sphere(0.3), 0), sampled(make_sphere(0.4), 1))
    assert found.chamfer == pytest.approx(0.1, rel=0.01)
    assert found.chamfer_l2 == pytest.approx(2 * 4 * 0.1**2, rel=0.02)
    assert found.normal_consistency == pytest.approx(1.0, abs=0.01)
    assert (found.fscore, found.precision, found.recall) == (0.0, 0.0, 0.0)


def distances_to_a_sphere(radius, offset, other_radius, threshold):
    """From points uniform on a sphere to another one, ``offset`` from its centre: mean, mean square, share within.

    The squared distance to the other centre is uniform (its cosine is), between the squares of the near and far end;
    all points must lie on one side of the other sphere.
    """
    near, far = abs(offset - radius), offset + radius
    assert far <= other_radius or near >= other_radius
    mean_distance = 2 / 3 * (far**3 - near**3) / (far**2 - near**2)
    mean_square = (near**2 + far**2) / 2
    low, high = np.clip([other_radius - threshold, other_radius + threshold], near, far)
    return (
        abs(mean_distance - other_radius),
        mean_square - 2 * other_radius * mean_distance + other_radius**2,
        (high**2 - low**2) / (far**2 - near**2),
    )


@pytest.mark.parametrize(
    ("radius", "offset"), [(0.2, 0.15), (0.05, 0.34), (0.2, 0.75), (0.4, 0.9)], ids=["inside", "touch", "beside", "far"]
)
def test_offset_spheres_match_their_integrals(make_sphere, radius, offset):
    predicted, true = make_sphere(radius, (offset, 0.0, 0.0), 5), make_sphere(0.4, subdivisions=5)
    found = measured(sampled(predicted, 0), sampled(true, 1), fscore_threshold=0.12)
    to_true = distances_to_a_sphere(radius, offset, 0.4, 0.12)
    to_predicted = distances_to_a_sphere(0.4, offset, radius, 0.12)
    assert found.chamfer == pytest.approx((to_true[0] + to_predicted[0]) / 2, rel=0.01)
    assert found.chamfer_l2 == pytest.approx(4 * (to_true[1] + to_predicted[1]), rel=0.02)
    assert found.precision == pytest.approx(to_true[2], abs=0.015)
    assert found.recall == pytest.approx(to_predicted[2], abs=0.015)


@pytest.mark.parametrize("offset", [0.1, 0.25, 0.4])
def test_iou_of_offset_spheres_is_that_of_their_lens(make_sphere, offset):
    # In cells, both are half a cell thicker; the lens of two equal spheres has a closed form.
    radius, true = 0.3 + 0.5 / 32, make_sphere(0.3)
    lens = math.pi / 12 * (4 * radius + offset) * (2 * radius - offset) ** 2
    expected = lens / (2 * 4 / 3 * math.pi * radius**3 - lens)
    found = metrics.iou(prediction_occupancy(make_sphere(0.3, (0.0, 0.0, offset))), prediction_occupancy(true))
    assert found == pytest.approx(expected, abs=0.03)


def test_shifted_plane_has_the_distance_of_its_shift():
    corners = np.array([[-0.5, 0.0, -0.5], [0.5, 0.0, -0.5], [0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]])
    faces = np.array([[0, 2, 1], [0, 3, 2]])
    found = measured(
        sampled(Mesh(corners + np.array([0.0, 0.2, 0.0]), faces), 0),
        sampled(Mesh(corners, faces), 1),
        icp_iterations=20,
    )
    assert found.chamfer == pytest.approx(0.2, rel=1e-3)
    assert found.chamfer_l2 == pytest.approx(2 * (2 * 0.2) ** 2, rel=2e-3)
    assert found.chamfer_icp == pytest.approx(0.5 / math.sqrt(N), rel=0.1)
    assert found.normal_consistency == pytest.approx(1.0)


def test_half_a_plane_has_full_precision_and_half_recall():
    corners = np.array([[-0.5, 0.0, -0.5], [0.5, 0.0, -0.5], [0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]])
    faces = np.array([[0, 2, 1], [0, 3, 2]])
    half = Mesh(corners * np.array([0.5, 1.0, 1.0]) - np.array([0.25, 0.0, 0.0]), faces)
    found = measured(sampled(half, 0), sampled(Mesh(corners, faces), 1))
    assert found.precision == 1.0
    assert found.recall == pytest.approx(0.55, abs=0.02)
    assert found.fscore == pytest.approx(2 * 0.55 / 1.55, abs=0.02)
    assert found.chamfer == pytest.approx(0.5 * (0.5 * 0.25), abs=0.01)


def test_identical_meshes_give_the_sampling_floor(l_shape):
    found = measured(sampled(l_shape, 0), sampled(l_shape, 1))
    area = l_shape.face_areas().sum()
    # Nearest of n uniform points on an area A: a mean of 1 / (2 sqrt(n / A)).
    assert found.chamfer == pytest.approx(0.5 * math.sqrt(area / N), rel=0.05)
    assert found.fscore == 1.0
    assert found.iou == 1.0
    assert found.normal_consistency > 0.96


def test_winding_does_not_matter(make_sphere):
    sphere = make_sphere(0.3)
    found = measured(sampled(Mesh(sphere.vertices, sphere.faces[:, ::-1]), 0), sampled(sphere, 1))
    assert found.normal_consistency > 0.99


def test_metrics_equal_brute_force(l_shape, make_sphere):
    predicted, true = sampled(make_sphere(0.3, (0.1, 0.0, 0.0)), 0, 400), sampled(l_shape, 1, 400)
    table = np.linalg.norm(predicted.points[:, None] - true.points[None], axis=-1)
    to_true, to_predicted = table.min(axis=1), table.min(axis=0)
    found = measured(predicted, true)
    assert found.chamfer == pytest.approx((to_true.mean() + to_predicted.mean()) / 2)
    assert found.chamfer_l2 == pytest.approx(4 * ((to_true**2).mean() + (to_predicted**2).mean()))
    assert found.precision == (to_true < 0.05).mean()
    assert found.recall == (to_predicted < 0.05).mean()
    cosines = np.abs(predicted.normals @ true.normals.T)
    forward = cosines[np.arange(400), table.argmin(axis=1)].mean()
    backward = cosines[table.argmin(axis=0), np.arange(400)].mean()
    assert found.normal_consistency == pytest.approx((forward + backward) / 2)


def test_chamfer_agrees_with_point_cloud_utils(l_shape, make_sphere):
    oracle = pytest.importorskip("point_cloud_utils")
    predicted, true = sampled(make_sphere(0.3), 0, 2_000), sampled(l_shape, 1, 2_000)
    # Its Chamfer distance is the sum of both mean unsquared distances.
    expected = 0.5 * oracle.chamfer_distance(predicted.points, true.points)
    assert measured(predicted, true).chamfer == pytest.approx(expected, rel=1e-6)


def test_nearest_point_metrics_agree_with_point_cloud_utils(l_shape, make_sphere):
    oracle = pytest.importorskip("point_cloud_utils")
    predicted, true = sampled(make_sphere(0.3, (0.1, 0.0, 0.0)), 0, 2_000), sampled(l_shape, 1, 2_000)
    (to_true, forward), (to_predicted, backward) = (
        map(np.ravel, oracle.k_nearest_neighbors(queries.points, targets.points, 1))
        for queries, targets in ((predicted, true), (true, predicted))
    )
    cosines = np.abs(predicted.normals @ true.normals.T)
    found = measured(predicted, true)
    assert found.chamfer_l2 == pytest.approx(4 * ((to_true**2).mean() + (to_predicted**2).mean()), rel=1e-6)
    assert (found.precision, found.recall) == ((to_true < 0.05).mean(), (to_predicted < 0.05).mean())
    assert found.normal_consistency == pytest.approx(
        (cosines[range(2_000), forward].mean() + cosines[backward, range(2_000)].mean()) / 2, rel=1e-6
    )


def test_backends_agree(l_shape, make_sphere):
    sides = [sample_surface(mesh, 500, np.random.default_rng(0)) for mesh in (make_sphere(0.3), l_shape)]
    empty = np.zeros((32, 32, 32), dtype=bool)

    def indexed(points, normals, backend):
        dense = SearchablePoints(points, backend)
        return SampledSurface(points, backend, normals=normals, occupancy=empty, dense=dense)

    scipy, torch = (measured(*(indexed(*side, backend) for side in sides)) for backend in ("scipy", "torch"))
    assert torch.chamfer == pytest.approx(scipy.chamfer, rel=1e-5)
    assert torch.normal_consistency == pytest.approx(scipy.normal_consistency, rel=1e-5)


def test_metrics_are_symmetric(l_shape, make_sphere):
    one, other = sampled(l_shape, 0, 500), sampled(make_sphere(0.35), 1, 500)
    there, back = measured(one, other), measured(other, one)
    assert (there.chamfer, there.chamfer_l2, there.iou) == pytest.approx((back.chamfer, back.chamfer_l2, back.iou))
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_icp_undoes_a_small_rigid_transform(l_shape):
    angle = math.radians(8)
    turn = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    moved = Mesh(l_shape.vertices @ turn.T + np.array([0.03, -0.02, 0.01]), l_shape.faces)
    predicted, true = sampled(moved, 0), sampled(l_shape, 1)
    floor = measured(sampled(l_shape, 0), true).chamfer
    found = measured(predicted, true, icp_iterations=40)
    assert found.chamfer > 3 * floor
    assert found.chamfer_icp < 1.1 * floor
    assert measured(predicted, true, icp_iterations=0).chamfer_icp == found.chamfer


def test_iou_of_known_grids():
    grid = np.zeros((4, 4, 4), dtype=bool)
    left, right = grid.copy(), grid.copy()
    left[:, :, :2], right[:, :, 1:3] = True, True
    assert metrics.iou(left, right) == pytest.approx(1 / 3)
    assert metrics.iou(grid, grid) == 0.0
    with pytest.raises(TypeError):
        metrics.iou(left, np.zeros((5, 5, 5), dtype=bool))


def test_worst_values_are_those_of_opposite_corners():
    corner = np.full((1, 3), 0.5)
    near, far = (SearchablePoints(points) for points in (corner, -corner))
    distances = near.index(far.points).distances
    assert WORST.chamfer == pytest.approx(metrics.chamfer(distances, distances))
    assert WORST.chamfer_l2 == pytest.approx(metrics.chamfer_l2(distances, distances))
    assert WORST.chamfer_icp == WORST.chamfer_unicorn == WORST.chamfer
    assert WORST.fscore == WORST.precision == WORST.recall == WORST.iou == WORST.normal_consistency == 0.0


def test_fscore_without_precision_and_recall_is_zero():
    assert metrics.fscore(0.0, 0.0) == 0.0
    assert metrics.fscore(0.5, 1.0) == pytest.approx(2 / 3)
