"""D: real image or render, from content and from the statistics of its features."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from shelfnet.config.networks import DiscriminatorSettings
from shelfnet.networks.precision import at_least_float32, full_precision


class Discriminator(nn.Module):
    """Strided convolutions under spectral norm, with a style head a level on means and deviations of its features.

    Args:
        settings: widths and which heads.
        smallest_px: least side of the images it will see; two cells a side remain of them at the end.
    """

    def __init__(self, settings: DiscriminatorSettings, smallest_px: int) -> None:
        super().__init__()
        levels = max(int(math.log2(smallest_px)) - 1, 1)
        plan = [min(settings.base_channels << level, settings.max_channels) for level in range(levels)]
        self.sees_mask = settings.sees_mask
        ins = [4 if settings.sees_mask else 3, *plan]
        self.levels = nn.ModuleList(
            _normalised(nn.Conv2d(narrow, wide, 4, 2, 1)) for narrow, wide in zip(ins, plan, strict=False)
        )
        self.style_heads = nn.ModuleList(
            _normalised(nn.Linear(2 * width, 1)) for width in (plan[1:] if settings.style_heads else [])
        )
        self.content_head = _normalised(nn.Linear(plan[-1], 1))

    def forward(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"]) -> Float[Tensor, "b heads"]:
        """Logits that an image in [0, 1] is real, a column a head."""
        x = 2.0 * images - 1.0
        x = torch.cat([x, 2.0 * masks[:, None] - 1.0], dim=1) if self.sees_mask else x
        styles = []
        for level in self.levels:
            x = at_least_float32(level(x))
            x, mean, deviation = _standardise(x) if level is not self.levels[0] else (x, None, None)
            if mean is not None:
                styles.append(torch.cat([mean, deviation], dim=1))
            x = functional.leaky_relu(x, 0.2)
        logits = [head(style) for head, style in zip(self.style_heads, styles, strict=False)]
        return torch.cat([self.content_head(x.mean(dim=(2, 3))), *logits], dim=1)


class FullPrecision(nn.Module):
    """A parametrization that loses no digits, whatever precision its layer runs in.

    CUDA's autocast would take the products of the power iteration in bfloat16, the CPU's would not.
    """

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, weight: Tensor) -> Tensor:
        """The parametrized weight."""
        with full_precision(weight):
            return self.of(weight)


def _normalised(layer: nn.Module) -> nn.Module:
    """A layer under spectral norm."""
    parametrized = spectral_norm(layer)
    parametrizations = parametrized.parametrizations["weight"]
    parametrizations[0] = FullPrecision(parametrizations[0])
    return parametrized


def _standardise(
    x: Float[Tensor, "b c h w"],
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c"], Float[Tensor, "b c"]]:
    """Features of zero mean and unit deviation over the image, and the mean and deviation that they had.

    Of no less than float32: deviations of the few cells of the last level would be all rounding in bfloat16.
    """
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0)
    deviation = torch.sqrt(variance + 1e-5)
    return (x - mean[..., None, None]) / deviation[..., None, None], mean, deviation
