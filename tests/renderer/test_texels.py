import numpy as np
import torch

from shelfnet.renderer.texels import rasterize_uv

SQUARE = torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def test_texels_of_a_square_are_covered_once():
    texels = rasterize_uv(SQUARE, FACES, 16)
    row, column = np.divmod(texels.texel.numpy(), 16)
    expected = [(r, c) for r in range(4, 12) for c in range(4, 12) if r != c]
    # Centres on the diagonal lie on the edge of both faces: they belong to neither or to one.
    assert set(expected) <= set(zip(row.tolist(), column.tolist(), strict=True))
    assert len(set(texels.texel.tolist())) == len(texels.texel) <= 64


def test_attributes_are_interpolated_at_texel_centres():
    texels = rasterize_uv(SQUARE, FACES, 32)
    row, column = np.divmod(texels.texel.numpy(), 32)
    centres = np.stack([column, row], axis=1) / 32 + 0.5 / 32
    np.testing.assert_allclose(texels.interpolate(FACES, SQUARE).numpy(), centres, atol=1e-5)


def test_u_points_right_and_v_down():
    corner = torch.tensor([[0.5, 0.0], [1.0, 0.0], [1.0, 0.5]])
    texels = rasterize_uv(corner, torch.tensor([[0, 1, 2]]), 8)
    row, column = np.divmod(texels.texel.numpy(), 8)
    assert row.max() < 4 <= column.min()


def test_mirrored_charts_are_covered_and_degenerate_ones_are_not():
    mirrored = rasterize_uv(SQUARE, FACES.flip(1), 16)
    assert len(mirrored.texel) >= 56
    assert len(rasterize_uv(torch.full((3, 2), 0.5), torch.tensor([[0, 1, 2]]), 8).texel) == 0
