"""Connected parts of a mesh: how many there are, and how much surface floats."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from shelfnet.geometry.meshes import Mesh, face_components


@dataclass(frozen=True)
class Structure:
    """Connectivity of a mesh.

    Attributes:
        components: connected parts; corners at the same position count as one vertex, so that seams of a texture atlas
            do not separate.
        floater_fraction: share of the surface area outside the part with the largest area, in [0, 1).
    """

    components: int
    floater_fraction: float


def structure(mesh: Mesh) -> Structure:
    """Count the connected parts of a mesh and weigh what floats.

    Raises:
        ValueError: the mesh has no finite area above zero.
    """
    areas = component_areas(mesh)
    total = float(areas.sum())
    if not np.isfinite(total) or total <= 0.0:
        raise ValueError(f"expected a mesh with a finite area above zero, got {total}")
    return Structure(components=len(areas), floater_fraction=1.0 - float(areas.max()) / total)


def component_areas(mesh: Mesh) -> Float[np.ndarray, "c"]:
    """Surface area of every connected part; zero-area parts count."""
    if mesh.is_empty:
        return np.zeros(0)
    corners = _position_ids(mesh.vertices)[mesh.faces]
    return np.bincount(face_components(corners), weights=mesh.face_areas())


def _position_ids(vertices: Float[np.ndarray, "v 3"]) -> Int[np.ndarray, "v"]:
    """One number for each distinct position, from the ranks of its three coordinates."""
    ranks = [np.unique(coordinate, return_inverse=True)[1].astype(np.int64) for coordinate in vertices.T]
    _, plane = np.unique(ranks[0] * len(vertices) + ranks[1], return_inverse=True)
    _, ids = np.unique(plane.astype(np.int64) * len(vertices) + ranks[2], return_inverse=True)
    return ids
