"""Triangle meshes: areas, normals, connected components, normalisation and surface sampling."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh: float64 vertices and int64 vertex indices."""

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]

    @property
    def is_empty(self) -> bool:
        """Whether the mesh has no faces."""
        return len(self.faces) == 0

    def triangles(self) -> Float[np.ndarray, "f 3 3"]:
        """Corner positions of each face."""
        return self.vertices[self.faces]

    def face_areas(self) -> Float[np.ndarray, "f"]:
        """Area of each face."""
        return 0.5 * np.linalg.norm(self._cross(), axis=1)

    def face_normals(self) -> Float[np.ndarray, "f 3"]:
        """Unit face normals by the right-hand rule; zero for degenerate faces."""
        cross = self._cross()
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)

    def vertex_normals(self) -> Float[np.ndarray, "v 3"]:
        """Unit vertex normals: the area-weighted mean of adjacent face normals, or +Y where that mean is zero."""
        cross = self._cross()
        total = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(total, self.faces[:, corner], cross)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.where(length > 0.0, total / np.maximum(length, np.finfo(np.float64).tiny), _UP)

    def _cross(self) -> Float[np.ndarray, "f 3"]:
        a, b, c = np.moveaxis(self.triangles(), 1, 0)
        return np.cross(b - a, c - a)


def face_components(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "f"]:
    """Label of the connected component of each face, from 0; faces that share a vertex are connected."""
    if len(faces) == 0:
        return np.zeros(0, dtype=np.int64)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    n_vertices = int(faces.max()) + 1
    graph = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(n_vertices, n_vertices))
    _, labels = connected_components(graph, directed=False)
    # Unused vertices are components of the graph but not of the surface.
    return np.unique(labels[faces[:, 0]], return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class Normalisation:
    """Similarity transform into the object frame: ``(x - centre) * scale``."""

    centre: Float[np.ndarray, "3"]
    scale: float

    def apply(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points in the object frame."""
        return (points - self.centre) * self.scale


def bounding_normalisation(points: Float[np.ndarray, "n 3"]) -> Normalisation:
    """Normalisation that centres the bounding box and scales its longest side to 1, so points lie in [-1/2, 1/2]^3.

    Raises:
        ValueError: The points have no extent or are not finite.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    longest = float((high - low).max())
    if not np.isfinite(longest) or longest <= 0.0:
        raise ValueError(f"expected points with a finite extent above zero, got {longest}")
    return Normalisation(centre=0.5 * (low + high), scale=1.0 / longest)


def normalise(mesh: Mesh) -> Mesh:
    """The mesh in the object frame. Vertices without a face do not affect the bounding box.

    Raises:
        ValueError: The mesh has no faces, has no extent or is not finite.
    """
    if mesh.is_empty:
        raise ValueError("expected a mesh with faces, got none")
    transform = bounding_normalisation(mesh.vertices[np.unique(mesh.faces)])
    return Mesh(transform.apply(mesh.vertices), mesh.faces)


def sample_surface(
    mesh: Mesh, n_points: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Sample points uniformly by area.

    Returns:
        Points and the unit normals of their faces.

    Raises:
        ValueError: The mesh has no area or is not finite.
    """
    areas = mesh.face_areas()
    total = float(areas.sum())
    if not np.isfinite(total) or total <= 0.0:
        raise ValueError(f"expected a mesh with a finite area above zero, got {total}")
    chosen = generator.choice(len(areas), size=n_points, p=areas / total)
    u, v = generator.random((2, n_points, 1))
    flip = u + v > 1.0
    u, v = np.where(flip, 1.0 - u, u), np.where(flip, 1.0 - v, v)
    a, b, c = np.moveaxis(mesh.triangles()[chosen], 1, 0)
    return a + u * (b - a) + v * (c - a), mesh.face_normals()[chosen]
