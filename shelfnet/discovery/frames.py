"""One canonical frame for all shapes of a data set."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from shelfnet.discovery.expectation_maximisation import Discovery

FRONTLESS_IOU = 0.4
"""Smallest IoU of a shape and its half turn at which it has no front."""

LENGTH_RATIO = 1.5
"""Smallest ratio of depth and width at which a shape without a front is turned."""


def align_frames(discoveries: Sequence[Discovery]) -> list[Discovery]:
    """Turn super-categories and shapes about the vertical axis, so that similar ones have the same frame.

    - Super-categories are turned round (by 180°) where their mean shape then resembles that of the largest one more.
      The mirror plane of all shapes is x = 0, so frames of objects with a front differ by a half turn at most. Chairs
      and sofas then have their backs on the same side.
    - Shapes without a front, such as benches, have two mirror planes. They are turned by 90° where they are deeper than
      wide, as furniture is wide along x by convention.

    Args:
        discoveries: One per super-category.
    """
    reference = mean_occupancy(max(discoveries, key=lambda discovery: len(discovery.views)))
    return [lay_across(turn_round(own) if _is_turned_round(own, reference) else own) for own in discoveries]


def mean_occupancy(discovery: Discovery) -> Float[Tensor, "g g g"]:
    """Mean occupancy of the shapes, weighted by their shares of the images."""
    return torch.einsum("k,kczyx->zyx", discovery.shapes.mean(dim=0), torch.sigmoid(discovery.logits))


def turn_round(discovery: Discovery) -> Discovery:
    """The same discovery in a frame that is turned by 180° about the vertical axis; the view grid is the same."""
    views, best = _turned_views(discovery, len(discovery.grid.azimuths) // 2)
    logits, colours = (grid.flip((-3, -1)) for grid in (discovery.logits, discovery.colours))
    return replace(discovery, logits=logits, colours=colours, views=views, best=best)


def lay_across(discovery: Discovery) -> Discovery:
    """The same discovery with all shapes that have no front turned by 90° where they are deeper than wide."""
    azimuths = len(discovery.grid.azimuths)
    occupancy = torch.sigmoid(discovery.logits)
    turned = _has_no_front(occupancy) & (_extent(occupancy, -3) > LENGTH_RATIO * _extent(occupancy, -1))
    if not discovery.grid.wraps or azimuths % 4 or not turned.any():
        return discovery
    views, best = _turned_views(discovery, azimuths // 4)
    moved = turned[discovery.best // discovery.grid.size]
    return replace(
        discovery,
        logits=torch.where(turned[:, None, None, None, None], _quarter_turn(discovery.logits), discovery.logits),
        colours=torch.where(turned[:, None, None, None, None], _quarter_turn(discovery.colours), discovery.colours),
        views=torch.where(moved[:, None], views, discovery.views),
        best=torch.where(moved, best, discovery.best),
    )


def _turned_views(discovery: Discovery, steps: int) -> tuple[Float[Tensor, "n v"], Int[Tensor, "n"]]:
    """Posterior and best pairs after all views have moved on by ``steps`` azimuths of the grid."""
    azimuths, elevations = len(discovery.grid.azimuths), len(discovery.grid.elevations)
    shape, view = discovery.best // discovery.grid.size, discovery.best % discovery.grid.size
    views = discovery.views.unflatten(1, (azimuths, elevations)).roll(steps, dims=1).flatten(1)
    return views, shape * discovery.grid.size + (view + steps * elevations) % discovery.grid.size


def _quarter_turn(grids: Float[Tensor, "k c g g g"]) -> Float[Tensor, "k c g g g"]:
    """Grids turned by 90° about the vertical axis, made symmetric in x."""
    turned = grids.transpose(-3, -1).flip(-3)
    return 0.5 * (turned + turned.flip(-1))


def _has_no_front(occupancy: Float[Tensor, "k 1 g g g"]) -> Bool[Tensor, "k"]:
    half_turn = occupancy.flip((-3, -1))
    intersection = torch.minimum(occupancy, half_turn).flatten(1).sum(dim=1)
    return intersection > FRONTLESS_IOU * torch.maximum(occupancy, half_turn).flatten(1).sum(dim=1)


def _extent(occupancy: Float[Tensor, "k 1 g g g"], axis: int) -> Float[Tensor, "k"]:
    """Root mean square distance of the occupied cells from the centre along an axis, in cells."""
    size = occupancy.shape[axis]
    profile = occupancy.movedim(axis, -1).flatten(1, -2).sum(dim=1)
    squared = (torch.arange(size, device=profile.device) - 0.5 * (size - 1)).square()
    return ((profile * squared).sum(dim=1) / profile.sum(dim=1)).sqrt()


def _is_turned_round(discovery: Discovery, reference: Float[Tensor, "g g g"]) -> bool:
    grid = discovery.grid
    if not grid.wraps:
        return False
    own = mean_occupancy(discovery)
    straight = functional.cosine_similarity(own.flatten(), reference.flatten(), dim=0)
    turned = functional.cosine_similarity(own.flip((0, 2)).flatten(), reference.flatten(), dim=0)
    return bool(turned > straight)
