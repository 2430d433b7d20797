"""Shared shapes blended by the latent: a start for a decoder, which adds what is special about each object."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.representations.field import same_opacity

SCALE = 10.0
"""Factor from the stored values to logits. Adam moves a weight by about its learning rate, so logits move faster."""

UNUSED = -1e4
"""Bias of shapes without weight."""


class BlendedShapes(nn.Module):
    """K occupancy grids and a linear map from the latent to their weights.

    Args:
        shapes: Number of shapes K.
        resolution: Resolution of the grids in cells per side.
        latent_dim: Dimension of the latent.
        offset: Added to all logits; minus the initial logit of the network whose output is added.
    """

    def __init__(self, shapes: int, resolution: int, latent_dim: int, offset: float) -> None:
        super().__init__()
        self.offset = offset
        self.scaled_logits = nn.Parameter(torch.full((shapes, 1, *[resolution] * 3), -offset / SCALE))
        self.to_weights = nn.Linear(latent_dim, shapes)

    def forward(self, latent: Float[Tensor, "b d"]) -> Float[Tensor, "b 1 z y x"]:
        """Occupancy logits: the mean of the shapes' logits, weighted by a softmax that is linear in the latent."""
        weights = torch.softmax(self.to_weights(latent), dim=1)
        return self.offset + SCALE * torch.einsum("bk,kczyx->bczyx", weights, self.scaled_logits)

    @torch.no_grad()
    def start_from(
        self, occupancy: Float[Tensor, "k 1 gz gy gx"], weight: Float[Tensor, "k d"], bias: Float[Tensor, "k"]
    ) -> None:
        """Take over shapes and the linear classifier of latents that selects them; further shapes get no weight.

        Args:
            occupancy: Occupancy of at most K shapes at any resolution, the opacity of a path one cell long.
            weight: Weight of the classifier.
            bias: Bias of the classifier.
        """
        count, resolution = len(occupancy), self.scaled_logits.shape[-1]
        resized = functional.interpolate(occupancy, [resolution] * 3, mode="trilinear", align_corners=False)
        resized = same_opacity(resized.clamp(max=1.0 - 1e-4), 1.0 / occupancy.shape[-1], 1.0 / resolution)
        self.scaled_logits[:count] = torch.logit(resized, eps=1e-3) / SCALE
        self.to_weights.weight[:count], self.to_weights.weight[count:] = weight, 0.0
        self.to_weights.bias[:count], self.to_weights.bias[count:] = bias, UNUSED
