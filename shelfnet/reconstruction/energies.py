"""Regularisers of mesh refinement, with PyTorch3D's definitions, one number a mesh.

PyTorch3D returns the mean of these numbers over the batch; kept apart, a mesh's energy does not depend on its company.
An empty mesh has no energy.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.renderer.mesh_batch import MeshBatch


@dataclass(frozen=True)
class Topology:
    """What the energies need of the faces; it does not change while vertices move.

    Attributes:
        edges: pairs of packed vertices, the smaller index first, each edge once.
        edge_mesh: which mesh an edge belongs to.
        hinges: vertices (v0, v1, a, b) of two faces that share the edge (v0, v1); a and b lie opposite to it.
        hinge_mesh: which mesh a hinge belongs to.
        degree: number of neighbours of every vertex.
    """

    edges: Int[Tensor, "e 2"]
    edge_mesh: Int[Tensor, "e"]
    hinges: Int[Tensor, "q 4"]
    hinge_mesh: Int[Tensor, "q"]
    degree: Int[Tensor, "v"]


def topology(meshes: MeshBatch) -> Topology:
    """Edges, hinges and degrees of packed meshes; an edge of n faces makes a hinge of every two of them."""
    sides = torch.cat([meshes.faces[:, [0, 1]], meshes.faces[:, [1, 2]], meshes.faces[:, [2, 0]]])
    opposite = torch.cat([meshes.faces[:, 2], meshes.faces[:, 0], meshes.faces[:, 1]])
    edges, edge_of_side = torch.unique(sides.sort(dim=1).values, dim=0, return_inverse=True)
    edge_of_side, order = torch.sort(edge_of_side, stable=True)
    first, second = _sides_of_same_edge(edge_of_side)
    shared = edges[edge_of_side[first]]
    hinges = torch.cat([shared, opposite[order[first], None], opposite[order[second], None]], dim=1)
    return Topology(
        edges=edges,
        edge_mesh=meshes.vertex_mesh[edges[:, 0]],
        hinges=hinges,
        hinge_mesh=meshes.vertex_mesh[hinges[:, 0]],
        degree=torch.bincount(edges.flatten(), minlength=len(meshes.vertices)),
    )


def _sides_of_same_edge(edge_of_side: Int[Tensor, "s"]) -> tuple[Int[Tensor, "q"], Int[Tensor, "q"]]:
    """All pairs of places in a sorted list that hold the same edge."""
    places = torch.arange(len(edge_of_side), device=edge_of_side.device)
    most = int(torch.bincount(edge_of_side).max()) if len(edge_of_side) else 1
    firsts, seconds = [places[:0]], [places[:0]]
    for apart in range(1, most):
        same = edge_of_side[apart:] == edge_of_side[:-apart]
        firsts.append(places[:-apart][same])
        seconds.append(places[apart:][same])
    return torch.cat(firsts), torch.cat(seconds)


def laplacian_energy(meshes: MeshBatch, connectivity: Topology) -> Float[Tensor, "b"]:
    """Mean distance of a vertex to the centroid of its neighbours (uniform Laplacian), in object units."""
    start, end = connectivity.edges.unbind(1)
    vertices = meshes.vertices
    total = torch.zeros_like(vertices).index_add(0, start, vertices[end]).index_add(0, end, vertices[start])
    degree = connectivity.degree[:, None]
    centroid = torch.where(degree > 0, total / degree.clamp(min=1), vertices)
    return _mean_per_mesh(torch.linalg.vector_norm(centroid - vertices, dim=1), meshes.vertex_mesh, meshes.size)


def edge_energy(meshes: MeshBatch, connectivity: Topology) -> Float[Tensor, "b"]:
    """Mean squared edge length, in squared object units."""
    start, end = connectivity.edges.unbind(1)
    squared = (meshes.vertices[end] - meshes.vertices[start]).square().sum(1)
    return _mean_per_mesh(squared, connectivity.edge_mesh, meshes.size)


def normal_energy(meshes: MeshBatch, connectivity: Topology) -> Float[Tensor, "b"]:
    """Mean of 1 - cos of the angle between the normals of faces that share an edge, in [0, 2]."""
    v0, v1, a, b = (meshes.vertices[index] for index in connectivity.hinges.unbind(1))
    along = v1 - v0
    normal_a = torch.linalg.cross(along, a - v0)
    normal_b = torch.linalg.cross(b - v0, along)
    bend = 1.0 - torch.cosine_similarity(normal_a, normal_b, dim=1)
    return _mean_per_mesh(bend, connectivity.hinge_mesh, meshes.size)


def offset_energy(offsets: Float[Tensor, "v 3"], vertex_mesh: Int[Tensor, "v"], size: int) -> Float[Tensor, "b"]:
    """Mean squared coordinate of the displacement of vertices, in squared object units."""
    return _mean_per_mesh(offsets.square().mean(1), vertex_mesh, size)


def _mean_per_mesh(values: Float[Tensor, "n"], owner: Int[Tensor, "n"], size: int) -> Float[Tensor, "b"]:
    counts = torch.bincount(owner, minlength=size).clamp(min=1)
    return values.new_zeros(size).index_add(0, owner, values) / counts
