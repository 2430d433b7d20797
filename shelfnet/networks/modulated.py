"""StyleGAN2 building blocks in two and three dimensions: modulated convolution and mapping network."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.networks.upsample_conv import upsample_conv

LEAK = 0.2
GAIN = math.sqrt(2.0 / (1.0 + LEAK**2))
"""Gain that preserves the second moment through a leaky ReLU."""

INITIAL_OCCUPANCY_LOGIT = -2.0
"""Initial occupancy bias of all decoders. An untrained object is a faint cloud, so every ray carries a gradient."""

_CONVOLVE = {2: functional.conv2d, 3: functional.conv3d}


def scaled_leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU that preserves the second moment."""
    return functional.leaky_relu(x, LEAK) * GAIN


class ModulatedConv(nn.Module):
    """Convolution with kernels of three cells per side, style modulation and demodulation.

    Scaling the input and output of one shared convolution is equivalent to StyleGAN2's per-sample weights.

    Args:
        dimensions: Number of spatial axes, 2 or 3.
        in_channels: Input channels.
        out_channels: Output channels.
        latent_dim: Length of the style vector.
        upsample: Whether to upsample the input by two.
    """

    def __init__(
        self, dimensions: int, in_channels: int, out_channels: int, latent_dim: int, upsample: bool = False
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.upsample = upsample
        fan_in = in_channels * 3**dimensions
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, *[3] * dimensions) / math.sqrt(fan_in))
        self.to_scale = nn.Linear(latent_dim, in_channels)
        nn.init.normal_(self.to_scale.weight, std=1.0 / math.sqrt(latent_dim))
        nn.init.ones_(self.to_scale.bias)

    def forward(self, x: Float[Tensor, "b c *coarse"], style: Float[Tensor, "b d"]) -> Float[Tensor, "b o *fine"]:
        """Convolve ``x``, modulated by ``style``."""
        scale = self.to_scale(style)
        out = self._convolve(x * _unsqueeze_axes(scale, self.dimensions))
        energy = self.weight.square().flatten(2).sum(dim=2)
        inverse_norm = torch.rsqrt(scale.square() @ energy.T + 1e-8)
        return out * _unsqueeze_axes(inverse_norm.to(out.dtype), self.dimensions)

    def _convolve(self, x: Float[Tensor, "b c *coarse"]) -> Float[Tensor, "b o *fine"]:
        if self.upsample:
            return upsample_conv(x, self.weight)
        return _CONVOLVE[self.dimensions](x, self.weight, padding=1)


class StyleBlock(nn.Module):
    """Optional upsampling, modulated convolution, bias and leaky ReLU."""

    def __init__(
        self, dimensions: int, in_channels: int, out_channels: int, latent_dim: int, upsample: bool = True
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(dimensions, in_channels, out_channels, latent_dim, upsample=upsample)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Float[Tensor, "b c *coarse"], style: Float[Tensor, "b d"]) -> Float[Tensor, "b o *fine"]:
        """Style-modulated features, at twice the resolution if the block upsamples."""
        out = self.conv(x, style)
        return scaled_leaky_relu(out + _unsqueeze_axes(self.bias[None].to(out.dtype), self.conv.dimensions))


class MappingNetwork(nn.Module):
    """Two fully connected layers from latent to style."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(latent_dim, latent_dim) for _ in range(2))

    def forward(self, latent: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Style vectors."""
        for layer in self.layers:
            latent = scaled_leaky_relu(layer(latent))
        return latent


def _unsqueeze_axes(values: Float[Tensor, "b c"], dimensions: int) -> Tensor:
    return values.reshape(*values.shape, *([1] * dimensions))
