"""Smooth normals of triangle meshes."""

import numpy as np
from jaxtyping import Float

from shelfnet.geometry.meshes import Mesh

_UP = np.array([0.0, 1.0, 0.0])


def vertex_normals(mesh: Mesh) -> Float[np.ndarray, "v 3"]:
    """Unit normals of vertices: the mean of their faces', weighted by area; +Y where faces cancel or there are none."""
    a, b, c = np.moveaxis(mesh.triangles(), 1, 0)
    twice_area = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(total, mesh.faces[:, corner], twice_area)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0.0, total / np.maximum(length, np.finfo(np.float64).tiny), _UP)
