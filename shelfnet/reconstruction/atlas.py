"""UV atlases: a mesh cut into charts that lie side by side in one square texture."""

from dataclasses import dataclass

import numpy as np
import xatlas
from jaxtyping import Float, Int, UInt8

from shelfnet.geometry.meshes import Mesh

_GUTTER_TEXELS = 3
"""Texels between charts, which bilinear filters and the first mipmaps reach."""


@dataclass(frozen=True)
class Atlas:
    """A mesh cut open along seams; its faces keep their order.

    Attributes:
        source: vertex of the whole mesh that a vertex of the cut one is a copy of.
        faces: indices into ``source``.
        uv: u (right) and v (down), in [0, 1].
    """

    source: Int[np.ndarray, "u"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float[np.ndarray, "u 2"]


@dataclass(frozen=True)
class Texture:
    """An atlas and its sRGB image, first row at v = 0."""

    atlas: Atlas
    pixels: UInt8[np.ndarray, "s s 3"]


def unwrap(mesh: Mesh, texture_px: int) -> Atlas:
    """Cut a mesh into charts and pack them into a square of ``texture_px`` texels a side.

    Raises:
        ValueError: an empty mesh.
    """
    if mesh.is_empty:
        raise ValueError("expected a mesh with faces, got none")
    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution = texture_px
    packing.padding = _GUTTER_TEXELS
    atlas.generate(pack_options=packing)
    source, faces, uv = atlas[0]
    # The packer meets the wished resolution about, and need not be square: its longer side becomes the texture's.
    size = np.array([atlas.width, atlas.height], dtype=np.float64)
    return Atlas(source.astype(np.int64), faces.astype(np.int64), uv.astype(np.float64) * size / size.max())
