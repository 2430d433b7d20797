import numpy as np
import pytest

from shelfnet.data.occupancy import solid_occupancy
from shelfnet.evaluation.metrics import iou
from shelfnet.evaluation.solids import prediction_occupancy
from shelfnet.geometry.meshes import Mesh


def test_inside_the_cube_it_is_the_rule_of_true_surfaces(make_sphere, l_shape):
    for mesh in (make_sphere(0.37, (0.05, 0.02, -0.1)), l_shape):
        np.testing.assert_array_equal(prediction_occupancy(mesh), solid_occupancy(mesh))


@pytest.mark.parametrize("reach", [0.52, 0.7, 1.4, 5.0])
def test_what_sticks_out_stays_filled(make_box, reach):
    box = make_box((-0.2, -0.2, -0.2), (reach, 0.2, 0.2))
    occupancy = prediction_occupancy(box)
    assert occupancy.shape == (32, 32, 32)
    assert occupancy[16, 16].sum() == pytest.approx(0.7 * 32, abs=1.0)
    assert not occupancy[16, 16, :8].any()


def test_boxes_overlap_as_their_volumes_do(make_box):
    cell = 1.0 / 32
    left = prediction_occupancy(make_box((-12 * cell, -8 * cell, -8 * cell), (4 * cell, 8 * cell, 8 * cell)))
    right = prediction_occupancy(make_box((-4 * cell, -8 * cell, -8 * cell), (12 * cell, 8 * cell, 8 * cell)))
    assert iou(left, right) == pytest.approx(8 / 24, abs=0.04)


def test_a_sphere_has_its_volume_and_half_a_cell_of_skin(make_sphere):
    filled = prediction_occupancy(make_sphere(0.4)).mean()
    assert 4 / 3 * np.pi * 0.4**3 < filled < 4 / 3 * np.pi * (0.4 + 1 / 32) ** 3


def test_marching_cubes_meshes_are_filled():
    measure = pytest.importorskip("skimage.measure")
    grid = np.linspace(-0.5, 0.5, 64)
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij")
    vertices, faces, _, _ = measure.marching_cubes(0.3 - np.sqrt(x**2 + y**2 + z**2), 0.0)
    mesh = Mesh(vertices[:, ::-1] / 63.0 - 0.5, faces.astype(np.int64))
    assert 4 / 3 * np.pi * 0.3**3 < prediction_occupancy(mesh).mean() < 4 / 3 * np.pi * (0.3 + 1 / 32) ** 3
