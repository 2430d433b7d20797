"""Adam for vertex positions, in a metric that moves whole patches of surface rather than single vertices.

A silhouette pulls only on the vertices along its outline, and plain Adam moves every coordinate alike however small its
gradient: both crumple a mesh. Following Nicolet, Jacobson and Jakob, "Large Steps in Inverse Rendering of Geometry"
(2021), gradients are smoothed by (I + lambda L)^-2, L being the combinatorial Laplacian, and scaled by one number an
object instead of one a coordinate. That smooths over about the square root of lambda in edges; given as a length in
object units instead, it does not depend on how finely a mesh is cut into triangles.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import coo_array, csc_array, diags_array, eye_array
from scipy.sparse.linalg import splu
from torch import Tensor

from shelfnet.reconstruction.energies import Topology, edge_energy
from shelfnet.renderer.mesh_batch import MeshBatch

_BETA_1, _BETA_2 = 0.9, 0.999
_EPSILON = 1e-12


class SmoothDescent:
    """Descent of the vertices of packed meshes, each mesh for itself.

    Args:
        meshes: whose vertices move.
        connectivity: of the same meshes.
        smoothing_length: object units over which vertices move together, at least 0.
        learning_rate: object units that the fastest vertex of a mesh moves in a step, about.
    """

    def __init__(
        self, meshes: MeshBatch, connectivity: Topology, smoothing_length: float, learning_rate: float
    ) -> None:
        self.vertex_mesh = meshes.vertex_mesh
        self.learning_rate = learning_rate
        self.factor = splu(_metric(meshes, connectivity, smoothing_length)) if len(meshes.vertices) else None
        self.mean = torch.zeros_like(meshes.vertices)
        self.largest_square = meshes.vertices.new_zeros(meshes.size)
        self.steps = 0

    @torch.no_grad()
    def step(self, offsets: Float[Tensor, "v 3"], gradient: Float[Tensor, "v 3"]) -> None:
        """Move ``offsets`` in place against a finite gradient."""
        self.steps += 1
        smooth = self._smooth(gradient)
        self.mean.lerp_(smooth, 1.0 - _BETA_1)
        largest = torch.zeros_like(self.largest_square)
        largest.scatter_reduce_(0, self.vertex_mesh, smooth.square().amax(1), "amax")
        self.largest_square.lerp_(largest, 1.0 - _BETA_2)
        scale = (self.largest_square / (1.0 - _BETA_2**self.steps)).sqrt() + _EPSILON
        step = self.mean / (1.0 - _BETA_1**self.steps) / scale[self.vertex_mesh, None]
        offsets.sub_(step, alpha=self.learning_rate)

    def _smooth(self, gradient: Float[Tensor, "v 3"]) -> Float[Tensor, "v 3"]:
        if self.factor is None:
            return gradient
        values = gradient.cpu().numpy().astype(np.float64)
        smooth = self.factor.solve(self.factor.solve(values))
        return torch.from_numpy(smooth).to(gradient)


def _metric(meshes: MeshBatch, connectivity: Topology, smoothing_length: float) -> csc_array:
    """I + lambda L, block-diagonal over meshes, each with a lambda of its own."""
    squared_edge = edge_energy(meshes, connectivity).double().cpu().numpy()
    strength = np.divide(smoothing_length**2, squared_edge, out=np.zeros_like(squared_edge), where=squared_edge > 0.0)
    weight = strength[connectivity.edge_mesh.cpu().numpy()]
    start, end = connectivity.edges.cpu().numpy().T
    size = len(connectivity.degree)
    adjacency = coo_array((weight, (start, end)), shape=(size, size))
    adjacency = adjacency + adjacency.T
    return (eye_array(size) + diags_array(adjacency.sum(axis=1)) - adjacency).tocsc()
