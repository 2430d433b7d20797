"""Backbone of decoder phi_D (Eq. 2) with equivariant layers: latent to feature volume and occupancy."""

import itertools
import math

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.networks import DecoderSettings
from shelfnet.networks.equivariant.convolution import EquivariantConv
from shelfnet.networks.equivariant.gate import GatedNonlinearity
from shelfnet.networks.equivariant.irreps import as_irreps, natural_irreps
from shelfnet.networks.modulated import INITIAL_OCCUPANCY_LOGIT

CONSTANT_RESOLUTION = 4
KERNEL_SIZE = 3
FEATURE_GAIN = 0.3
"""Gain for features of about unit standard deviation; demodulation assumes white fields and lets smooth ones grow."""
OCCUPANCY_GAIN = 0.1
"""Gain that keeps the logits of an untrained decoder close to their initial bias."""


class EquivariantBlock(nn.Module):
    """Modulated equivariant convolution, optional upsampling and gated non-linearity.

    Args:
        irreps_in: Fields of the input.
        irreps_out: Fields of the output.
        latent_dim: Length of the style vector.
        upsampling: Integer ratio of the output's resolution to the input's.
    """

    def __init__(
        self, irreps_in: o3.Irreps | str, irreps_out: o3.Irreps | str, latent_dim: int, upsampling: int = 1
    ) -> None:
        super().__init__()
        self.gate = GatedNonlinearity(irreps_out)
        self.conv = EquivariantConv(irreps_in, self.gate.irreps_in, KERNEL_SIZE, latent_dim, upsampling)

    def forward(self, x: Float[Tensor, "b c z y x"], style: Float[Tensor, "b d"]) -> Float[Tensor, "b k fz fy fx"]:
        """Fields ``irreps_out`` on the upsampled grid."""
        return self.gate(self.conv(x, style))


class EquivariantDecoder(nn.Module):
    """Latent to scalar features and occupancy logits through equivariant layers (section 2.4).

    The input is a learned constant field of scalars, vectors and degree-2 tensors on 4^3 voxels, the latent is the
    style of all layers. Only the constant breaks the symmetry: ``stack`` is equivariant. The trunk ends at the feature
    resolution, the refinement at the occupancy resolution. The last refinement block outputs scalars only, because the
    final 1^3 convolution cannot use other irreps.

    Args:
        settings: Resolutions, feature channels and multiplicities.
        latent_dim: Length of the latent.

    Raises:
        ValueError: The occupancy resolution is below the feature resolution.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        if settings.occupancy_resolution < settings.feature_resolution:
            raise ValueError(
                f"decoder: occupancy_resolution must be at least feature_resolution ({settings.feature_resolution}), "
                f"got {settings.occupancy_resolution}"
            )
        to_features = _doublings(CONSTANT_RESOLUTION, settings.feature_resolution)
        to_occupancy = _doublings(settings.feature_resolution, settings.occupancy_resolution)
        levels = [natural_irreps(settings.se3_multiplicities, level) for level in range(to_features + to_occupancy + 1)]
        trunk, refinement = levels[: to_features + 1], levels[to_features:]
        if to_occupancy:
            refinement[-1] = as_irreps(f"{refinement[-1].dim}x0e")
        self.irreps_constant = levels[0]
        self.constant = nn.Parameter(torch.randn(1, levels[0].dim, *[CONSTANT_RESOLUTION] * 3))
        self.first = EquivariantBlock(levels[0], levels[0], latent_dim)
        self.trunk = _doubling_blocks(trunk, latent_dim)
        self.to_features = _scalar_head(trunk[-1], settings.feature_channels, KERNEL_SIZE, latent_dim, FEATURE_GAIN)
        self.refinement = _doubling_blocks(refinement, latent_dim)
        occupancy_kernel = 1 if to_occupancy else KERNEL_SIZE
        self.to_occupancy = _scalar_head(refinement[-1], 1, occupancy_kernel, latent_dim, OCCUPANCY_GAIN)
        nn.init.constant_(self.to_occupancy.bias.offsets, INITIAL_OCCUPANCY_LOGIT)

    def forward(self, latent: Float[Tensor, "b d"]) -> tuple[Float[Tensor, "b c f f f"], Float[Tensor, "b 1 o o o"]]:
        """Feature volume and occupancy logits, on ``z y x`` grids of the object frame."""
        return self.stack(self.constant.expand(len(latent), -1, -1, -1, -1), latent)

    def stack(
        self, constant: Float[Tensor, "b k n n n"], style: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c f f f"], Float[Tensor, "b 1 o o o"]]:
        """The equivariant map (Eq. 10) from fields ``irreps_constant`` to features and occupancy logits."""
        x = self.first(constant, style)
        for block in self.trunk:
            x = block(x, style)
        features = self.to_features(x, style)
        for block in self.refinement:
            x = block(x, style)
        return features, self.to_occupancy(x, style)


def _doublings(coarse: int, fine: int) -> int:
    return round(math.log2(fine / coarse))


def _doubling_blocks(levels: list[o3.Irreps], latent_dim: int) -> nn.ModuleList:
    return nn.ModuleList(EquivariantBlock(*pair, latent_dim, upsampling=2) for pair in itertools.pairwise(levels))


def _scalar_head(
    irreps_in: o3.Irreps, channels: int, kernel_size: int, latent_dim: int, gain: float
) -> EquivariantConv:
    """Output layer without demodulation, with its initial weights scaled by ``gain``."""
    head = EquivariantConv(irreps_in, f"{channels}x0e", kernel_size, latent_dim, demodulate=False)
    with torch.no_grad():
        for weight in head.kernel.parameters():
            weight.mul_(gain)
    return head
