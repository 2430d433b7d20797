"""Rasterization of a UV atlas: the surface point of each texel."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.renderer.pixel_face_pairs import nearest_pairs, pair_geometry, pixel_centres


@dataclass(frozen=True)
class TexelFragments:
    """Texels whose centres are covered by a face.

    Attributes:
        texel: Flat index ``row * texture_px + column``, ascending.
        face: Index of the covering face.
        barycentric: Barycentric coordinates of the texel centre.
    """

    texel: Int[Tensor, "t"]
    face: Int[Tensor, "t"]
    barycentric: Float[Tensor, "t 3"]

    def interpolate(self, faces: Int[Tensor, "f 3"], attributes: Float[Tensor, "v c"]) -> Float[Tensor, "t c"]:
        """Vertex attributes at each texel; ``faces`` may index other vertices for the same corners."""
        return torch.einsum("tk,tkc->tc", self.barycentric.to(attributes), attributes[faces[self.face]])


@torch.no_grad()
def rasterize_uv(uv: Float[Tensor, "u 2"], faces: Int[Tensor, "f 3"], texture_px: int) -> TexelFragments:
    """Rasterize a UV atlas.

    Args:
        uv: Texture coordinates u (right) and v (down) in [0, 1].
        faces: Indices into ``uv``; the first of overlapping faces wins.
        texture_px: Side of the square texture in texels.
    """
    flat = torch.cat([2.0 * uv - 1.0, torch.ones_like(uv[:, :1])], dim=1)
    corners = flat[faces].permute(2, 1, 0).contiguous()
    pairs = nearest_pairs(corners, torch.zeros_like(faces[:, 0]), texture_px, 1, 0.0)
    geometry = pair_geometry(corners.index_select(2, pairs.face), pixel_centres(pairs.pixel, texture_px, uv.dtype))
    return TexelFragments(pairs.pixel, pairs.face, geometry.barycentric.T)
