"""UV atlases: the surface of a mesh cut into charts that are packed into one square texture."""

from dataclasses import dataclass

import numpy as np
import xatlas
from jaxtyping import Float, Int, UInt8

from shelfnet.geometry.meshes import Mesh

_PADDING_TEXELS = 3
"""Gap between charts, wide enough for bilinear filtering and the first mipmap levels."""


@dataclass(frozen=True)
class UvAtlas:
    """UV parametrisation of a mesh. Vertices are duplicated along seams; the order of the faces does not change.

    Attributes:
        source: Index of the mesh vertex that each atlas vertex copies.
        faces: Indices into ``source``.
        uv: u (right) and v (down) in [0, 1].
    """

    source: Int[np.ndarray, "u"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float[np.ndarray, "u 2"]

    @property
    def uv_up(self) -> Float[np.ndarray, "u 2"]:
        """U (right) and v (up), as in OBJ files and trimesh."""
        return np.stack([self.uv[:, 0], 1.0 - self.uv[:, 1]], axis=1)


@dataclass(frozen=True)
class TextureMap:
    """An sRGB texture and its UV atlas. The first row of ``pixels`` lies at v = 0."""

    atlas: UvAtlas
    pixels: UInt8[np.ndarray, "s s 3"]


def unwrap(mesh: Mesh, texture_px: int) -> UvAtlas:
    """Unwrap a mesh with faces into an atlas for a texture of ``texture_px`` texels per side."""
    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution = texture_px
    packing.padding = _PADDING_TEXELS
    atlas.generate(pack_options=packing)
    source, faces, uv = atlas[0]
    # xatlas meets the requested resolution only roughly and may pack a rectangle: the longer side becomes 1.
    size = np.array([atlas.width, atlas.height], dtype=np.float64)
    return UvAtlas(source.astype(np.int64), faces.astype(np.int64), uv.astype(np.float64) * size / size.max())
