"""Position and size of objects in images, removed from images and renders alike before they are compared.

The framing of a crop says nothing about the camera. Two images with equal framing differ by view and shape alone.
Image moments define the framing (Hu, "Visual pattern recognition by moment invariants", 1962): unlike the bounding
box, they hardly change when thin parts are missing or the border of a mask is inexact.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

ZOOM_RANGE = (0.6, 1.6)
"""Range of the factor by which the visible part of an image is enlarged or reduced."""

MIN_VARIANCE = 1e-4
"""Smallest variance of a mask, so that an empty mask has a size."""


@dataclass(frozen=True)
class Framing:
    """Where masks are and how large, in an image that extends from -1 to 1 in both directions.

    Attributes:
        x: Horizontal coordinate of the centroid, to the right.
        y: Vertical coordinate of the centroid, downwards.
        radius: Root mean square distance of the mask from its centroid.
    """

    x: float
    y: float
    radius: float

    @classmethod
    def mean_of(cls, masks: Iterable[Float[Tensor, "b p p"]]) -> "Framing":
        """Mean centroid and mean radius of masks, given in chunks."""
        moments = torch.cat([torch.stack(mask_moments(chunk), dim=1) for chunk in masks])
        x, y, radius = moments.double().mean(dim=0).tolist()
        return cls(x, y, radius)

    def align(self, images: Float[Tensor, "b 4 p p"]) -> Float[Tensor, "b 4 p p"]:
        """Move and scale images so that their masks have this framing; differentiable in the images.

        Args:
            images: RGB on white and mask. The framing of the masks is taken as constant.
        """
        x, y, radius = mask_moments(images[:, 3].detach())
        zoom = (radius / self.radius).clamp(*ZOOM_RANGE)
        theta = images.new_zeros(len(images), 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = zoom
        theta[:, 0, 2], theta[:, 1, 2] = x - zoom * self.x, y - zoom * self.y
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        darkness = torch.cat([1.0 - images[:, :3], images[:, 3:]], dim=1)
        aligned = functional.grid_sample(darkness, grid, align_corners=False)
        return torch.cat([1.0 - aligned[:, :3], aligned[:, 3:]], dim=1)


def mask_moments(masks: Float[Tensor, "b p p"]) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Centroid (x, y) and radius of each mask, in the coordinates of :class:`Framing`.

    An empty mask has its centroid at zero and the smallest radius.
    """
    size = masks.shape[-1]
    position = (2.0 * torch.arange(size, device=masks.device) + 1.0) / size - 1.0
    area = masks.sum(dim=(1, 2)).clamp(min=1e-6)
    columns, rows = masks.sum(dim=1) / area[:, None], masks.sum(dim=2) / area[:, None]
    x, y = columns @ position, rows @ position
    variance = columns @ position.square() - x.square() + rows @ position.square() - y.square()
    return x, y, variance.clamp(min=MIN_VARIANCE).sqrt()
