"""Regularisers of mesh refinement: Laplacian, edge length, normal consistency and offset.

The definitions are PyTorch3D's, but with one value per mesh instead of the mean over the batch, so that the result for
a mesh does not depend on the other meshes. Empty meshes have a loss of zero.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.renderer.mesh_batch import MeshBatch


@dataclass(frozen=True)
class Topology:
    """Connectivity of packed meshes, constant while their vertices move.

    Attributes:
        edges: Packed vertex pairs, smaller index first, every edge once.
        edge_mesh: Mesh of each edge.
        hinges: Vertices (v0, v1, a, b) of two faces that share the edge (v0, v1); a and b are the opposite corners.
        hinge_mesh: Mesh of each hinge.
        degree: Number of neighbours of each vertex.
    """

    edges: Int[Tensor, "e 2"]
    edge_mesh: Int[Tensor, "e"]
    hinges: Int[Tensor, "q 4"]
    hinge_mesh: Int[Tensor, "q"]
    degree: Int[Tensor, "v"]


def build_topology(meshes: MeshBatch) -> Topology:
    """Edges, hinges and vertex degrees. A non-manifold edge has one hinge per pair of its faces."""
    sides = torch.cat([meshes.faces[:, [0, 1]], meshes.faces[:, [1, 2]], meshes.faces[:, [2, 0]]])
    opposite = torch.cat([meshes.faces[:, 2], meshes.faces[:, 0], meshes.faces[:, 1]])
    edges, edge_of_side = torch.unique(sides.sort(dim=1).values, dim=0, return_inverse=True)
    edge_of_side, order = torch.sort(edge_of_side, stable=True)
    first, second = _pairs_on_same_edge(edge_of_side)
    shared = edges[edge_of_side[first]]
    hinges = torch.cat([shared, opposite[order[first], None], opposite[order[second], None]], dim=1)
    return Topology(
        edges=edges,
        edge_mesh=meshes.vertex_mesh[edges[:, 0]],
        hinges=hinges,
        hinge_mesh=meshes.vertex_mesh[hinges[:, 0]],
        degree=torch.bincount(edges.flatten(), minlength=len(meshes.vertices)),
    )


def _pairs_on_same_edge(edge_of_side: Int[Tensor, "s"]) -> tuple[Int[Tensor, "q"], Int[Tensor, "q"]]:
    """All index pairs of equal entries in a sorted list."""
    indices = torch.arange(len(edge_of_side), device=edge_of_side.device)
    most = int(torch.bincount(edge_of_side).max()) if len(edge_of_side) else 1
    firsts, seconds = [indices[:0]], [indices[:0]]
    for shift in range(1, most):
        same = edge_of_side[shift:] == edge_of_side[:-shift]
        firsts.append(indices[:-shift][same])
        seconds.append(indices[shift:][same])
    return torch.cat(firsts), torch.cat(seconds)


def laplacian_loss(meshes: MeshBatch, topology: Topology) -> Float[Tensor, "b"]:
    """Mean length of the uniform Laplacian: distance of each vertex to the centroid of its neighbours."""
    start, end = topology.edges.unbind(1)
    vertices = meshes.vertices
    total = torch.zeros_like(vertices).index_add(0, start, vertices[end]).index_add(0, end, vertices[start])
    degree = topology.degree[:, None]
    centroid = torch.where(degree > 0, total / degree.clamp(min=1), vertices)
    return _mean_per_mesh(torch.linalg.vector_norm(centroid - vertices, dim=1), meshes.vertex_mesh, meshes.size)


def edge_loss(meshes: MeshBatch, topology: Topology) -> Float[Tensor, "b"]:
    """Mean squared edge length."""
    start, end = topology.edges.unbind(1)
    squared = (meshes.vertices[end] - meshes.vertices[start]).square().sum(1)
    return _mean_per_mesh(squared, topology.edge_mesh, meshes.size)


def normal_loss(meshes: MeshBatch, topology: Topology) -> Float[Tensor, "b"]:
    """Normal consistency: mean of 1 - cos of the angle between the normals of adjacent faces, in [0, 2]."""
    v0, v1, a, b = (meshes.vertices[index] for index in topology.hinges.unbind(1))
    along = v1 - v0
    normal_a = torch.linalg.cross(along, a - v0)
    normal_b = torch.linalg.cross(b - v0, along)
    bend = 1.0 - torch.cosine_similarity(normal_a, normal_b, dim=1)
    return _mean_per_mesh(bend, topology.hinge_mesh, meshes.size)


def offset_loss(offsets: Float[Tensor, "v 3"], vertex_mesh: Int[Tensor, "v"], size: int) -> Float[Tensor, "b"]:
    """Mean squared coordinate of the vertex offsets."""
    return _mean_per_mesh(offsets.square().mean(1), vertex_mesh, size)


def _mean_per_mesh(values: Float[Tensor, "n"], owner: Int[Tensor, "n"], size: int) -> Float[Tensor, "b"]:
    counts = torch.bincount(owner, minlength=size).clamp(min=1)
    return values.new_zeros(size).index_add(0, owner, values) / counts
