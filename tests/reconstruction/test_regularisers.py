import math

import numpy as np
import pytest
import torch

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.regularisers import build_topology, edge_loss, laplacian_loss, normal_loss, offset_loss
from shelfnet.renderer.mesh_batch import MeshBatch, pack_meshes

TRIANGLE = Mesh(np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]), np.array([[0, 1, 2]]))
TETRAHEDRON = Mesh(
    np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]),
    np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]]),
)
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def folded(angle: float) -> Mesh:
    """Two triangles over the edge from (0, 0, 0) to (0, 1, 0); flat where the angle is zero."""
    other = [-math.cos(angle), 0.0, math.sin(angle)]
    return Mesh(np.array([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], other]), np.array([[0, 2, 1], [0, 1, 3]]))


def exact(*meshes: Mesh) -> MeshBatch:
    packed = pack_meshes(meshes)
    return packed.with_vertices(torch.as_tensor(np.concatenate([mesh.vertices for mesh in meshes])))


def test_edges_are_unique():
    batch = exact(TRIANGLE, TETRAHEDRON)
    connectivity = build_topology(batch)
    assert len(connectivity.edges) == 3 + 6
    assert connectivity.edge_mesh.tolist() == [0] * 3 + [1] * 6
    assert connectivity.degree.tolist() == [2] * 3 + [3] * 4
    assert len(connectivity.hinges) == 6


def test_edge_of_three_faces_has_three_hinges():
    vertices = np.array([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1]])
    connectivity = build_topology(exact(Mesh(vertices, np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]]))))
    opposite = {frozenset(hinge[2:].tolist()) for hinge in connectivity.hinges}
    assert opposite == {frozenset(pair) for pair in ((2, 3), (2, 4), (3, 4))}


def test_laplacian_of_a_triangle():
    # Each corner to the middle of the opposite side of the 3-4-5 triangle.
    expected = (2.5 + math.hypot(3.0, 2.0) + math.hypot(1.5, 4.0)) / 3
    batch = exact(TRIANGLE)
    assert laplacian_loss(batch, build_topology(batch)).item() == pytest.approx(expected)


def test_laplacian_of_a_tetrahedron():
    # The centroid of the other three corners is minus a third of a corner.
    batch = exact(TETRAHEDRON)
    assert laplacian_loss(batch, build_topology(batch)).item() == pytest.approx(4 / 3 * math.sqrt(3.0))


def test_edge_loss_is_mean_squared_length():
    batch = exact(TRIANGLE, TETRAHEDRON)
    expected = torch.tensor([(9 + 16 + 25) / 3, 8.0]).double()
    torch.testing.assert_close(edge_loss(batch, build_topology(batch)), expected)


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_normal_loss_of_a_fold(angle):
    batch = exact(folded(angle))
    assert normal_loss(batch, build_topology(batch)).item() == pytest.approx(1.0 - math.cos(angle), abs=1e-9)


def test_normal_loss_of_a_tetrahedron():
    batch = exact(TETRAHEDRON)
    assert normal_loss(batch, build_topology(batch)).item() == pytest.approx(4 / 3)


def test_offset_loss_is_mean_over_coordinates():
    offsets = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 2.0, 0.0]])
    energy = offset_loss(offsets, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(energy, torch.tensor([3.0, 4.0 / 3.0]))


@pytest.mark.parametrize("energy", [laplacian_loss, edge_loss, normal_loss])
def test_losses_are_independent_of_the_batch(energy):
    batch = exact(folded(0.7), EMPTY, TETRAHEDRON)
    together = energy(batch, build_topology(batch))
    for mesh, value in zip((folded(0.7), EMPTY, TETRAHEDRON), together, strict=True):
        alone = exact(mesh)
        torch.testing.assert_close(energy(alone, build_topology(alone))[0], value)
    assert together[1] == 0.0


@pytest.mark.parametrize("energy", [laplacian_loss, edge_loss, normal_loss])
def test_gradients_match_finite_differences(energy):
    generator = np.random.default_rng(0)
    mesh = Mesh(TETRAHEDRON.vertices + 0.2 * generator.standard_normal((4, 3)), TETRAHEDRON.faces)
    batch = exact(mesh)
    connectivity = build_topology(batch)
    vertices = batch.vertices.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda moved: energy(batch.with_vertices(moved), connectivity), [vertices])
