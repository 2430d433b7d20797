"""One canonical frame for the super-categories of a data set."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from shelfnet.discovery.expectation_maximisation import Discovery


def align_frames(discoveries: Sequence[Discovery]) -> list[Discovery]:
    """Turn super-categories round (by 180°) where their mean shape then resembles that of the largest one more.

    The mirror plane of all shapes is x = 0, so frames of similar objects differ by a half turn at most. Chairs and
    sofas then have their backs on the same side. For objects without a back, the choice does not matter.

    Args:
        discoveries: One per super-category.
    """
    reference = mean_occupancy(max(discoveries, key=lambda discovery: len(discovery.views)))
    return [turn_round(own) if _is_turned_round(own, reference) else own for own in discoveries]


def mean_occupancy(discovery: Discovery) -> Float[Tensor, "g g g"]:
    """Mean occupancy of the shapes, weighted by their shares of the images."""
    return torch.einsum("k,kczyx->zyx", discovery.shapes.mean(dim=0), torch.sigmoid(discovery.logits))


def turn_round(discovery: Discovery) -> Discovery:
    """The same discovery in a frame that is turned by 180° about the vertical axis; the view grid is the same."""
    azimuths, elevations = len(discovery.grid.azimuths), len(discovery.grid.elevations)
    half = azimuths // 2
    shape, view = discovery.best // discovery.grid.size, discovery.best % discovery.grid.size
    turned = (view + half * elevations) % discovery.grid.size
    return replace(
        discovery,
        logits=discovery.logits.flip((-3, -1)),
        colours=discovery.colours.flip((-3, -1)),
        views=discovery.views.unflatten(1, (azimuths, elevations)).roll(half, dims=1).flatten(1),
        best=shape * discovery.grid.size + turned,
    )


def _is_turned_round(discovery: Discovery, reference: Float[Tensor, "g g g"]) -> bool:
    grid = discovery.grid
    if not grid.wraps:
        return False
    own = mean_occupancy(discovery)
    straight = functional.cosine_similarity(own.flatten(), reference.flatten(), dim=0)
    turned = functional.cosine_similarity(own.flip((0, 2)).flatten(), reference.flatten(), dim=0)
    return bool(turned > straight)
