"""Triangle meshes as two arrays, and what is done to them everywhere: normalise and sample."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Mesh:
    """Triangles: vertices ``v 3`` (float64) and vertex indices ``f 3`` (int64)."""

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]

    @property
    def is_empty(self) -> bool:
        """Whether there is no triangle to sample."""
        return len(self.faces) == 0

    def triangles(self) -> Float[np.ndarray, "f 3 3"]:
        """Corner positions of every face."""
        return self.vertices[self.faces]

    def face_areas(self) -> Float[np.ndarray, "f"]:
        """Area of every face."""
        return 0.5 * np.linalg.norm(self._cross(), axis=1)

    def face_normals(self) -> Float[np.ndarray, "f 3"]:
        """Unit normals by the right-hand rule; zero for degenerate faces."""
        cross = self._cross()
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)

    def _cross(self) -> Float[np.ndarray, "f 3"]:
        a, b, c = np.moveaxis(self.triangles(), 1, 0)
        return np.cross(b - a, c - a)


@dataclass(frozen=True)
class Normalisation:
    """The similarity that brings a model into the object frame: ``(x - centre) * scale``."""

    centre: Float[np.ndarray, "3"]
    scale: float

    def apply(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points in the object frame."""
        return (points - self.centre) * self.scale


def bounding_normalisation(points: Float[np.ndarray, "n 3"]) -> Normalisation:
    """Centre of the bounding box to the origin, longest side to 1: the object fills [-1/2, 1/2]^3.

    Raises:
        ValueError: the points have no extent or are not finite.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    longest = float((high - low).max())
    if not np.isfinite(longest) or longest <= 0.0:
        raise ValueError(f"expected points with a finite extent above zero, got {longest}")
    return Normalisation(centre=0.5 * (low + high), scale=1.0 / longest)


def normalise(mesh: Mesh) -> Mesh:
    """The mesh in the object frame; only vertices that a face uses count.

    Raises:
        ValueError: no faces, no extent, or not finite.
    """
    if mesh.is_empty:
        raise ValueError("expected a mesh with faces, got none")
    transform = bounding_normalisation(mesh.vertices[np.unique(mesh.faces)])
    return Mesh(transform.apply(mesh.vertices), mesh.faces)


def sample_surface(
    mesh: Mesh, n_points: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Area-uniform points on a mesh and the normals of their faces.

    Raises:
        ValueError: the mesh has no area.
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
