"""Batches of triangle meshes in packed representation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.geometry.meshes import Mesh


@dataclass(frozen=True)
class MeshBatch:
    """Meshes packed one after the other; some may be empty.

    Attributes:
        vertices: Vertex positions in object units.
        faces: Indices into the packed ``vertices``.
        vertex_mesh: Mesh index of each vertex, ascending.
        face_mesh: Mesh index of each face, ascending.
        size: Number of meshes, including empty ones.
    """

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    vertex_mesh: Int[Tensor, "v"]
    face_mesh: Int[Tensor, "f"]
    size: int

    def with_vertices(self, vertices: Float[Tensor, "v 3"]) -> "MeshBatch":
        """A batch with the same faces and other vertex positions."""
        return replace(self, vertices=vertices)

    def vertex_counts(self) -> Int[Tensor, "b"]:
        """Number of vertices of each mesh."""
        return torch.bincount(self.vertex_mesh, minlength=self.size)

    def face_counts(self) -> Int[Tensor, "b"]:
        """Number of faces of each mesh."""
        return torch.bincount(self.face_mesh, minlength=self.size)


def pack_meshes(meshes: Sequence[Mesh], device: torch.device | str = "cpu") -> MeshBatch:
    """Pack meshes into one batch of float32 tensors on ``device``.

    Raises:
        ValueError: There is no mesh, or a face index is out of range.
    """
    if not meshes:
        raise ValueError("expected at least one mesh, got none")
    for index, mesh in enumerate(meshes):
        _check_face_indices(mesh, index)
    vertices = [torch.as_tensor(mesh.vertices, dtype=torch.float32) for mesh in meshes]
    faces = [torch.as_tensor(mesh.faces, dtype=torch.int64) for mesh in meshes]
    vertex_mesh = _mesh_indices(vertices)
    first_vertex = torch.bincount(vertex_mesh, minlength=len(meshes)).cumsum(0).roll(1)
    first_vertex[0] = 0
    face_mesh = _mesh_indices(faces)
    packed_faces = torch.cat(faces).reshape(-1, 3) + first_vertex[face_mesh, None]
    return MeshBatch(
        vertices=torch.cat(vertices).reshape(-1, 3).to(device),
        faces=packed_faces.to(device),
        vertex_mesh=vertex_mesh.to(device),
        face_mesh=face_mesh.to(device),
        size=len(meshes),
    )


def _mesh_indices(tensors: Sequence[Tensor]) -> Int[Tensor, "n"]:
    counts = torch.tensor([len(tensor) for tensor in tensors])
    return torch.repeat_interleave(torch.arange(len(tensors)), counts)


def _check_face_indices(mesh: Mesh, index: int) -> None:
    if mesh.is_empty:
        return
    low, high = int(mesh.faces.min()), int(mesh.faces.max())
    if low < 0 or high >= len(mesh.vertices):
        raise ValueError(f"mesh {index}: expected face indices in [0, {len(mesh.vertices) - 1}], got {low} to {high}")
