"""Adam with Laplacian-preconditioned gradients for vertex positions.

A silhouette loss has gradients only at vertices along the outline, and plain Adam moves every coordinate by the same
amount however small its gradient is. Both make a mesh crumple. Following Nicolet, Jacobson and Jakob, "Large Steps in
Inverse Rendering of Geometry" (2021), gradients are multiplied by (I + lambda L)^-2 with the combinatorial Laplacian L,
and the step size is normalised per mesh instead of per coordinate. This smooths over about sqrt(lambda) edges. Here
lambda is derived from a length in object units, so that the smoothing does not depend on the size of the triangles.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import coo_array, csc_array, diags_array, eye_array
from scipy.sparse.linalg import splu
from torch import Tensor

from shelfnet.reconstruction.regularisers import Topology, edge_loss
from shelfnet.renderer.mesh_batch import MeshBatch

_BETA_1, _BETA_2 = 0.9, 0.999
_EPSILON = 1e-12


class LaplacianAdam:
    """Optimiser of the vertices of packed meshes; meshes do not influence one another.

    Args:
        meshes: Initial meshes.
        topology: Their topology.
        smoothing_length: Length in object units over which vertices move together, at least 0.
        learning_rate: Approximate distance in object units that the fastest vertex of a mesh moves per step.
    """

    def __init__(self, meshes: MeshBatch, topology: Topology, smoothing_length: float, learning_rate: float) -> None:
        self.vertex_mesh = meshes.vertex_mesh
        self.learning_rate = learning_rate
        self.factor = splu(_system(meshes, topology, smoothing_length)) if len(meshes.vertices) else None
        self.mean = torch.zeros_like(meshes.vertices)
        self.largest_square = meshes.vertices.new_zeros(meshes.size)
        self.steps = 0

    @torch.no_grad()
    def step(self, offsets: Float[Tensor, "v 3"], gradient: Float[Tensor, "v 3"]) -> None:
        """Update ``offsets`` in place for a finite gradient."""
        self.steps += 1
        smooth = self._precondition(gradient)
        self.mean.lerp_(smooth, 1.0 - _BETA_1)
        largest = torch.zeros_like(self.largest_square)
        largest.scatter_reduce_(0, self.vertex_mesh, smooth.square().amax(1), "amax")
        self.largest_square.lerp_(largest, 1.0 - _BETA_2)
        scale = (self.largest_square / (1.0 - _BETA_2**self.steps)).sqrt() + _EPSILON
        step = self.mean / (1.0 - _BETA_1**self.steps) / scale[self.vertex_mesh, None]
        offsets.sub_(step, alpha=self.learning_rate)

    def _precondition(self, gradient: Float[Tensor, "v 3"]) -> Float[Tensor, "v 3"]:
        if self.factor is None:
            return gradient
        values = gradient.cpu().numpy().astype(np.float64)
        smooth = self.factor.solve(self.factor.solve(values))
        return torch.from_numpy(smooth).to(gradient)


def _system(meshes: MeshBatch, topology: Topology, smoothing_length: float) -> csc_array:
    """I + lambda L, block-diagonal over the meshes, with one lambda per mesh."""
    squared_edge = edge_loss(meshes, topology).double().cpu().numpy()
    strength = np.divide(smoothing_length**2, squared_edge, out=np.zeros_like(squared_edge), where=squared_edge > 0.0)
    weight = strength[topology.edge_mesh.cpu().numpy()]
    start, end = topology.edges.cpu().numpy().T
    size = len(topology.degree)
    adjacency = coo_array((weight, (start, end)), shape=(size, size))
    adjacency = adjacency + adjacency.T
    return (eye_array(size) + diags_array(adjacency.sum(axis=1)) - adjacency).tocsc()
