import numpy as np
import pytest
import trimesh

from shelfnet.data.occupancy import pack, solid_occupancy, surface_occupancy, unpack
from shelfnet.geometry.meshes import Mesh


def box_mesh(size, centre=(0.0, 0.0, 0.0)):
    box = trimesh.creation.box(extents=size)
    return Mesh(np.asarray(box.vertices) + centre, np.asarray(box.faces, dtype=np.int64))


def cell_centres(resolution):
    axis = (np.arange(resolution) + 0.5) / resolution - 0.5
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return x, y, z


def test_box_on_cell_borders_is_exact_in_zyx():
    x, y, z = cell_centres(32)
    expected = (np.abs(x) < 0.5) & (np.abs(y) < 0.25) & (np.abs(z) < 0.125)
    np.testing.assert_array_equal(solid_occupancy(box_mesh((1.0, 0.5, 0.25))), expected)


def test_off_centre_box_position():
    x, y, z = cell_centres(16)
    expected = (np.abs(x - 0.25) < 0.2) & (np.abs(y + 0.25) < 0.1) & (np.abs(z - 0.125) < 0.05)
    found = solid_occupancy(box_mesh((0.4, 0.2, 0.1), (0.25, -0.25, 0.125)), 16)
    assert found[expected].all()
    far = (np.abs(x - 0.25) > 0.3) | (np.abs(y + 0.25) > 0.2) | (np.abs(z - 0.125) > 0.15)
    assert not found[far].any()


def test_sphere_volume():
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.4)
    found = solid_occupancy(Mesh(np.asarray(sphere.vertices), np.asarray(sphere.faces, dtype=np.int64))).mean()
    assert 4 / 3 * np.pi * 0.4**3 < found < 4 / 3 * np.pi * (0.4 + np.sqrt(3) / 32) ** 3


def test_closed_box_is_full_and_open_box_hollow():
    closed = box_mesh((0.8, 0.8, 0.8))
    open_above = Mesh(closed.vertices, closed.faces[(closed.face_normals()[:, 1] < 0.5)])
    assert solid_occupancy(closed)[16, 16, 16]
    assert not solid_occupancy(open_above)[16, 16, 16]
    assert solid_occupancy(open_above)[16, 3, 16]


def test_invariant_to_orientation_and_duplicate_faces():
    closed = box_mesh((0.8, 0.5, 0.7))
    messy = Mesh(closed.vertices, np.concatenate([closed.faces[:, ::-1], closed.faces[:5]]))
    np.testing.assert_array_equal(solid_occupancy(messy), solid_occupancy(closed))


def test_thin_panel_is_one_cell_thick():
    panel = box_mesh((1.0, 1.0, 0.001), (0.0, 0.0, 0.01))
    np.testing.assert_array_equal(solid_occupancy(panel).sum(axis=0), np.ones((32, 32)))


def test_tilted_triangle_has_no_holes():
    """A pyramid's walls separate inside from outside at every resolution."""
    vertices = np.array([[-0.5, -0.5, -0.5], [0.5, -0.5, -0.45], [0.0, 0.5, 0.03], [0.1, -0.4, 0.5]])
    pyramid = Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]))
    for resolution in (8, 32, 48):
        z, y, x = np.floor((vertices.mean(axis=0)[::-1] + 0.5) * resolution).astype(int)
        assert solid_occupancy(pyramid, resolution)[z, y, x]


def test_surface_cells_match_dense_samples():
    """Every cell with a sample is occupied, and every occupied cell is near a sample."""
    generator = np.random.default_rng(0)
    mesh = Mesh(generator.uniform(-0.45, 0.45, (12, 3)), generator.permutation(12).reshape(4, 3))
    found = surface_occupancy(mesh, 16)
    weights = generator.dirichlet((1, 1, 1), (4, 60_000))
    samples = np.einsum("fsk,fkc->fsc", weights, mesh.triangles()).reshape(-1, 3) * (1 - 1e-6)
    cells = np.floor((samples + 0.5) * 16).astype(int)
    sampled = np.zeros_like(found)
    sampled[cells[:, 2], cells[:, 1], cells[:, 0]] = True
    assert found[sampled].all()
    assert (found & ~sampled).sum() < 0.05 * found.sum()


def test_parts_outside_cube_ignored():
    assert not surface_occupancy(box_mesh((3.0, 3.0, 3.0))).any()
    assert solid_occupancy(box_mesh((0.5, 4.0, 0.5)))[16, 16, 8:24].any()
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    assert not solid_occupancy(empty).any()


def test_pack_round_trip():
    grid = np.random.default_rng(0).random((32, 32, 32)) > 0.5
    assert len(pack(grid)) == 4096
    np.testing.assert_array_equal(unpack(pack(grid)), grid)
    single = np.zeros((32, 32, 32), dtype=bool)
    single[0, 0, 1] = True
    assert pack(single)[0] == 0b01000000
    with pytest.raises(ValueError, match=r"4096 .*12"):
        unpack(bytes(12))
