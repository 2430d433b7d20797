import numpy as np
import pytest
import torch
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.uv_atlas import unwrap
from shelfnet.renderer.pixel_face_pairs import nearest_pairs


def torus() -> Mesh:
    surface = trimesh.creation.torus(0.3, 0.12, 24, 12)
    return Mesh(surface.vertices.copy(), surface.faces.astype(np.int64))


@pytest.fixture(scope="module")
def atlas():
    return unwrap(torus(), 128)


def test_unwrapping_keeps_faces(atlas):
    np.testing.assert_array_equal(atlas.source[atlas.faces], torus().faces)
    np.testing.assert_array_equal(np.unique(atlas.source), np.arange(len(torus().vertices)))


def test_uv_fills_unit_square(atlas):
    assert atlas.uv.min() >= 0.0
    assert 0.9 < atlas.uv.max() <= 1.0


def test_charts_do_not_overlap(atlas):
    flat = torch.from_numpy(np.column_stack([2.0 * atlas.uv - 1.0, np.ones(len(atlas.uv))])).float()
    corners = flat[torch.from_numpy(atlas.faces)].permute(2, 1, 0).contiguous()
    pairs = nearest_pairs(corners, torch.zeros(len(atlas.faces), dtype=torch.int64), 128, 4, 0.0)
    shared = len(pairs.pixel) - len(pairs.pixel.unique())
    assert shared <= 0.01 * len(pairs.pixel)


def test_texel_density_is_even(atlas):
    first, second, third = (atlas.uv[atlas.faces[:, corner]] for corner in range(3))
    in_texture = 0.5 * np.abs(np.cross(second - first, third - first))
    density = in_texture / torus().face_areas()
    assert np.percentile(density, 95) < 3.0 * np.percentile(density, 5)


def test_charts_are_not_stretched():
    # The charts of a long thing do not fill a square.
    rod = trimesh.creation.capsule(height=0.8, radius=0.08)
    mesh = Mesh(np.array(rod.vertices), rod.faces.astype(np.int64))
    cut = unwrap(mesh, 128)
    corners, places = mesh.triangles(), cut.uv[cut.faces]
    in_space = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    in_texture = np.linalg.norm(places - np.roll(places, 1, axis=1), axis=2)
    scale = in_texture / in_space
    assert np.median(scale.max(axis=1) / scale.min(axis=1)) < 1.05
