"""Part of a piece of furniture: a closed mesh with texture coordinates in metres."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int


class MaterialSlot(IntEnum):
    """Material slot of a face; each slot has its own region of the texture atlas."""

    BODY = 0
    FRAME = 1
    TRIM = 2


@dataclass(frozen=True)
class FurniturePart:
    """A closed triangle mesh.

    Texture coordinates are per corner and in metres along the surface, so that seams need no duplicate vertices and the
    texel density is uniform. Faces of one chart stay together in the atlas.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uvs_m: Float[np.ndarray, "f 3 2"]
    charts: Int[np.ndarray, "f"]
    slots: Int[np.ndarray, "f"]

    def translated(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Part":
        """The part moved by an offset in metres."""
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def rotated(self, x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> "Part":
        """The part rotated about the origin: about x, then y, then z, right-handed."""
        matrix = np.eye(3)
        for axis, angle_deg in enumerate((x_deg, y_deg, z_deg)):
            matrix = _rotation(axis, angle_deg) @ matrix
        return replace(self, vertices=self.vertices @ matrix.T)

    def deformed(self, deform: Callable[[np.ndarray], np.ndarray]) -> "Part":
        """The part with its vertices ``v 3`` mapped by a smooth function that preserves orientation."""
        return replace(self, vertices=deform(self.vertices))

    def mirrored(self) -> "Part":
        """The mirror image in the plane x = 0, oriented outward."""
        flipped = self.vertices * np.array([-1.0, 1.0, 1.0])
        return replace(self, vertices=flipped, faces=self.faces[:, ::-1], uvs_m=self.uvs_m[:, ::-1])

    def mirrored_pair(self) -> list["Part"]:
        """The part and its mirror image."""
        return [self, self.mirrored()]

    def signed_volume(self) -> float:
        """Enclosed volume in cubic metres, positive if faces are oriented outward."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6.0)


def oriented_outward(part: FurniturePart) -> FurniturePart:
    """The part, with its faces flipped if they are oriented inward."""
    if part.signed_volume() >= 0.0:
        return part
    return replace(part, faces=part.faces[:, ::-1], uvs_m=part.uvs_m[:, ::-1])


def _rotation(axis: int, angle_deg: float) -> Float[np.ndarray, "3 3"]:
    sin, cos = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    matrix = np.eye(3)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    matrix[j, j], matrix[j, k], matrix[k, j], matrix[k, k] = cos, -sin, sin, cos
    return matrix
