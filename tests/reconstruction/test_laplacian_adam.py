import numpy as np
import pytest
import torch
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.laplacian_adam import LaplacianAdam
from shelfnet.reconstruction.regularisers import build_topology
from shelfnet.renderer.mesh_batch import pack_meshes


def balls(*sizes: float):
    surface = trimesh.creation.icosphere(2, 1.0)
    return pack_meshes([Mesh(surface.vertices * size, surface.faces.astype(np.int64)) for size in sizes])


def spike(meshes) -> torch.Tensor:
    gradient = torch.zeros_like(meshes.vertices)
    gradient[0, 0] = 1.0
    return gradient


@pytest.mark.parametrize("smoothing_length", [0.0, 0.1, 0.3])
def test_fastest_vertex_moves_by_learning_rate(smoothing_length):
    meshes = balls(0.3)
    offsets = torch.zeros_like(meshes.vertices)
    LaplacianAdam(meshes, build_topology(meshes), smoothing_length, 0.01).step(offsets, spike(meshes))
    assert offsets[0, 0].item() == pytest.approx(-0.01, rel=1e-4)
    assert offsets.abs().max().item() == pytest.approx(0.01, rel=1e-4)


def test_smoothing_moves_neighbours():
    meshes = balls(0.3)
    topology = build_topology(meshes)
    neighbour = topology.edges[topology.edges[:, 0] == 0][0, 1]
    shares = []
    for smoothing_length in (0.0, 0.1, 0.3):
        offsets = torch.zeros_like(meshes.vertices)
        LaplacianAdam(meshes, topology, smoothing_length, 0.01).step(offsets, spike(meshes))
        shares.append((offsets[neighbour, 0] / offsets[0, 0]).item())
    assert shares[0] == 0.0
    assert 0.1 < shares[1] < shares[2] < 1.0


def reach(subdivisions: int) -> float:
    """How far, in object units, from a pulled vertex the movement has fallen to a tenth."""
    surface = trimesh.creation.icosphere(subdivisions, 0.4)
    meshes = pack_meshes([Mesh(surface.vertices.copy(), surface.faces.astype(np.int64))])
    offsets = torch.zeros_like(meshes.vertices)
    LaplacianAdam(meshes, build_topology(meshes), 0.1, 0.01).step(offsets, spike(meshes))
    moved = offsets[:, 0] < 0.1 * offsets[0, 0]
    return float((meshes.vertices[moved] - meshes.vertices[0]).norm(dim=1).max())


def test_smoothing_length_is_independent_of_triangle_size():
    assert reach(4) == pytest.approx(reach(3), rel=0.2)


def test_translation_is_not_damped():
    meshes = balls(0.3)
    offsets = torch.zeros_like(meshes.vertices)
    LaplacianAdam(meshes, build_topology(meshes), 0.3, 0.01).step(offsets, torch.ones_like(offsets))
    torch.testing.assert_close(offsets, torch.full_like(offsets, -0.01), rtol=1e-4, atol=0.0)


def test_meshes_are_scaled_independently():
    meshes = balls(0.3, 0.3)
    gradient = torch.ones_like(meshes.vertices)
    gradient[meshes.vertex_mesh == 0] *= 1e4
    offsets = torch.zeros_like(meshes.vertices)
    LaplacianAdam(meshes, build_topology(meshes), 0.2, 0.01).step(offsets, gradient)
    torch.testing.assert_close(offsets, torch.full_like(offsets, -0.01), rtol=1e-4, atol=0.0)


def test_zero_gradient_moves_nothing():
    meshes = balls(0.3)
    offsets = torch.zeros_like(meshes.vertices)
    LaplacianAdam(meshes, build_topology(meshes), 0.2, 0.01).step(offsets, torch.zeros_like(offsets))
    assert (offsets == 0).all()
