"""Connected components of a mesh, and the fraction of its surface that floats."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shelfnet.geometry.meshes import Mesh, face_components


@dataclass(frozen=True)
class Connectivity:
    """Connectivity of a mesh.

    Attributes:
        components: Connected components; corners at the same position count as one vertex, so seams of a texture atlas
            do not separate.
        floater_fraction: Fraction of the surface area outside the component with the largest area, in [0, 1).
    """

    components: int
    floater_fraction: float


def connectivity(mesh: Mesh) -> Connectivity:
    """Count the connected components of a mesh with an area, and measure its floaters."""
    areas = component_areas(mesh)
    return Connectivity(components=len(areas), floater_fraction=1.0 - float(areas.max() / areas.sum()))


def component_areas(mesh: Mesh) -> Float[np.ndarray, "c"]:
    """Surface area of every connected component, including those of zero area."""
    _, position = np.unique(mesh.vertices, axis=0, return_inverse=True)
    return np.bincount(face_components(position.ravel()[mesh.faces]), weights=mesh.face_areas())
