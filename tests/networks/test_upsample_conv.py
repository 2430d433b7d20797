"""Fused upsampling and convolution against separate ones."""

import pytest
import torch
from torch.nn import functional

from shelfnet.networks.upsample_conv import axis_taps, upsample, upsample_conv

CONVOLVE = {2: functional.conv2d, 3: functional.conv3d}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("channels", "size"), [(5, 4), (4, 8), (2, 7)], ids=["separable", "limit", "fine grid"])
def test_upsample_conv_matches_upsampling_then_convolution(dimensions, channels, size):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, *[size] * dimensions, generator=generator).double().requires_grad_()
    weight = torch.randn(3, channels, *[3] * dimensions, generator=generator).double().requires_grad_()
    bias = torch.randn(3, generator=generator).double().requires_grad_()
    outs = upsample_conv(x, weight, bias), CONVOLVE[dimensions](upsample(x), weight, bias, padding=1)
    assert torch.allclose(*outs, atol=1e-12)
    cotangent = torch.randn(outs[0].shape, generator=generator).double()
    found, expected = (torch.autograd.grad(out, (x, weight, bias), cotangent) for out in outs)
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(found, expected, strict=True))


def test_axis_taps_interpolate_shift_and_zero_pad():
    taps = axis_taps(4, torch.float64, torch.device("cpu"))
    ramp = torch.arange(4.0).double()
    middle = functional.interpolate(ramp[None, None], scale_factor=2, mode="linear", align_corners=False)[0, 0]
    assert torch.allclose(taps[1] @ ramp, middle)
    assert torch.allclose((taps[0] @ ramp)[1:], middle[:-1]) and (taps[0] @ (ramp + 1))[0] == 0
    assert torch.allclose((taps[2] @ ramp)[:-1], middle[1:]) and (taps[2] @ (ramp + 1))[-1] == 0
