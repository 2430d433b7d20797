"""Marching cubes: an occupancy field to a closed triangle mesh with outward faces in the object frame."""

from collections.abc import Callable

import fast_simplification
import numpy as np
from jaxtyping import Float, Int
from skimage.measure import marching_cubes

from shelfnet.geometry.meshes import Mesh, face_components

Occupancy = Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n"]]
"""Occupancy in [0, 1] as a function of points (x, y, z) in the object frame."""

_CHUNK_POINTS = 1 << 17


class NonFiniteFieldError(ValueError):
    """An occupancy is NaN or infinite."""


def extract_mesh(occupancy: Occupancy, resolution: int, level: float, largest_component: bool, max_faces: int) -> Mesh:
    """Level set of an occupancy field as a mesh.

    Args:
        occupancy: Field over [-1/2, 1/2]^3.
        resolution: Grid resolution in cells per side.
        level: Occupancy at the surface, in (0, 1).
        largest_component: Whether to keep only the connected component with the largest area.
        max_faces: Face budget of the quadric simplification, at least 4.

    Returns:
        Mesh in object units, empty if the occupancy nowhere exceeds ``level``.

    Raises:
        NonFiniteFieldError: An occupancy is NaN or infinite.
    """
    return mesh_from_grid(sample_grid(occupancy, resolution), level, largest_component, max_faces)


def sample_grid(occupancy: Occupancy, resolution: int) -> Float[np.ndarray, "z y x"]:
    """Occupancy at the cell centres of a cubic grid over the object frame."""
    centres = (np.arange(resolution) + 0.5) / resolution - 0.5
    z, y, x = np.meshgrid(centres, centres, centres, indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    starts = range(0, len(points), _CHUNK_POINTS)
    values = [occupancy(points[start : start + _CHUNK_POINTS]) for start in starts]
    return np.concatenate(values).reshape(resolution, resolution, resolution)


def mesh_from_grid(grid: Float[np.ndarray, "z y x"], level: float, largest_component: bool, max_faces: int) -> Mesh:
    """Same as :func:`extract_mesh` for occupancies that are already sampled at cell centres."""
    if not np.isfinite(grid).all():
        raise NonFiniteFieldError(f"expected finite occupancies, got {int((~np.isfinite(grid)).sum())} non-finite ones")
    if not grid.max() > level:
        return empty_mesh()
    mesh = _march(grid, level)
    if largest_component:
        mesh = keep_largest_component(mesh)
    return simplify(mesh, max_faces)


def empty_mesh() -> Mesh:
    """A mesh without vertices and faces."""
    return Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def simplify(mesh: Mesh, max_faces: int) -> Mesh:
    """Simplify to a face budget by quadric edge collapse; a result that is empty or not finite is discarded."""
    if len(mesh.faces) <= max_faces:
        return mesh
    simplified = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=max_faces)
    vertices, faces = simplified  # pyright: ignore[reportAssignmentType]
    simple = _compact(np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64))
    return mesh if simple.is_empty or not np.isfinite(simple.vertices).all() else simple


def keep_largest_component(mesh: Mesh) -> Mesh:
    """Connected component with the largest surface area."""
    if mesh.is_empty:
        return mesh
    parts = face_components(mesh.faces)
    areas = np.bincount(parts, weights=mesh.face_areas())
    return _compact(mesh.vertices, mesh.faces[parts == areas.argmax()])


def _march(grid: Float[np.ndarray, "z y x"], level: float) -> Mesh:
    # Padding with empty cells closes surfaces that leave the cube; it shifts indices by one.
    padded = np.pad(grid, 1)
    corners_zyx, faces, _, _ = marching_cubes(padded, level, gradient_direction="descent", allow_degenerate=False)
    vertices_zyx = (corners_zyx.astype(np.float64) - 0.5) / np.array(grid.shape) - 0.5
    return _compact(np.ascontiguousarray(vertices_zyx[:, ::-1]), faces.astype(np.int64))


def _compact(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> Mesh:
    """Remove faces that use a vertex twice, then unused vertices."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    used, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(vertices[used], renumbered.reshape(-1, 3).astype(np.int64))
