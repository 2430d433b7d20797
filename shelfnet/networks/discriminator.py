"""Discriminator D between images and renders."""

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from shelfnet.config.networks import DiscriminatorSettings
from shelfnet.networks.precision import at_least_float32, full_precision


class Discriminator(nn.Module):
    """Strided convolutions with spectral norm, a content head and one style head per level.

    Style heads classify the channel means and standard deviations of a level's features.

    Args:
        settings: Widths and heads.
        smallest_px: Smallest image side; the last level has two cells per side at this size.
    """

    def __init__(self, settings: DiscriminatorSettings, smallest_px: int) -> None:
        super().__init__()
        levels = max(int(math.log2(smallest_px)) - 1, 1)
        plan = [min(settings.base_channels << level, settings.max_channels) for level in range(levels)]
        self.sees_mask = settings.sees_mask
        ins = [4 if settings.sees_mask else 3, *plan]
        self.levels = nn.ModuleList(
            _spectral_norm(nn.Conv2d(narrow, wide, settings.kernel_size, 2, 1))
            for narrow, wide in zip(ins, plan, strict=False)
        )
        self.style_heads = nn.ModuleList(
            _spectral_norm(nn.Linear(2 * width, 1)) for width in (plan[1:] if settings.style_heads else [])
        )
        self.content_head = _spectral_norm(nn.Linear(plan[-1], 1))

    def forward(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"]) -> Float[Tensor, "b heads"]:
        """Logits that images in [0, 1] are real, one column per head."""
        x = 2.0 * images - 1.0
        x = torch.cat([x, 2.0 * masks[:, None] - 1.0], dim=1) if self.sees_mask else x
        styles = []
        for index, level in enumerate(self.levels):
            x = at_least_float32(level(x))
            if index > 0:
                x, style = _instance_norm(x)
                styles.append(style)
            x = functional.leaky_relu(x, 0.2)
        logits = [head(style) for head, style in zip(self.style_heads, styles, strict=False)]
        return torch.cat([self.content_head(x.mean(dim=(2, 3))), *logits], dim=1)


class FullPrecision(nn.Module):
    """Parametrization evaluated without autocast.

    CUDA autocast would run the power iteration of spectral norm in bfloat16.
    """

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, weight: Tensor) -> Tensor:
        """The parametrized weight."""
        with full_precision(weight):
            return self.of(weight)


def _spectral_norm(layer: nn.Module) -> nn.Module:
    spectral_norm(layer)
    parametrizations = cast(nn.ModuleList, layer.get_submodule("parametrizations.weight"))
    parametrizations[0] = FullPrecision(parametrizations[0])
    return layer


def _instance_norm(x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b s"]]:
    """Normalised features, and the mean and standard deviation of each channel.

    Needs float32: in bfloat16, the deviation over the few cells of the last level would be rounding error.
    """
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0)
    deviation = torch.sqrt(variance + 1e-5)
    return (x - mean[..., None, None]) / deviation[..., None, None], torch.cat([mean, deviation], dim=1)
