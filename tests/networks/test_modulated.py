"""Modulated convolution against StyleGAN2's per-sample weights."""

import pytest
import torch
from torch.nn import functional

from shelfnet.networks.modulated import ModulatedConv

CONVOLVE = {2: functional.conv2d, 3: functional.conv3d}


@pytest.mark.parametrize("dimensions", [2, 3])
def test_modulated_conv_matches_per_sample_weights(dimensions):
    torch.manual_seed(0)
    conv = ModulatedConv(dimensions, 5, 7, 6).double()
    x, style = torch.randn(3, 5, *[6] * dimensions).double(), torch.randn(3, 6).double()
    out = conv(x, style)
    for sample in range(3):
        scale = conv.to_scale(style[sample : sample + 1])[0]
        weight = conv.weight * scale.reshape(1, -1, *[1] * dimensions)
        norm = weight.square().flatten(1).sum(1).add(1e-8).sqrt()
        weight = weight / norm.reshape(-1, 1, *[1] * dimensions)
        expected = CONVOLVE[dimensions](x[sample : sample + 1], weight, padding=1)
        assert torch.allclose(out[sample : sample + 1], expected, atol=1e-10)


def test_demodulation_gives_unit_variance():
    torch.manual_seed(1)
    conv = ModulatedConv(3, 16, 12, 8)
    out = conv(torch.randn(4, 16, 12, 12, 12), 5.0 * torch.randn(4, 8))
    inner = out[:, :, 1:-1, 1:-1, 1:-1]
    assert inner.var(dim=(2, 3, 4)).mean().item() == pytest.approx(1.0, abs=0.1)
