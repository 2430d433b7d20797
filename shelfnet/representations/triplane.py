"""A field stored on three planes (section 2.3): memory grows as N^2."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

PLANE_AXES = ((0, 1), (0, 2), (1, 2))
"""Object axes of the planes XY, XZ and YZ: the first runs along a plane's width, the second along its height."""


@runtime_checkable
class Head(Protocol):
    """Decodes the aggregated plane feature of a point."""

    def occupancy_logits(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n"]:
        """Logits of the occupancy."""
        ...

    def features(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n c"]:
        """Appearance features."""
        ...


@dataclass(frozen=True)
class TriplaneField:
    """Features on the planes XY, XZ and YZ; a point aggregates its three projections.

    Attributes:
        planes: one stack of channels a plane, values at cell centres over [-1/2, 1/2]^2.
        head: decodes the aggregated feature to occupancy and appearance.
        voxel_size: length of path over which an occupancy is the opacity.
    """

    planes: Float[Tensor, "b 3 p h w"]
    head: Head
    voxel_size: float

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Occupancy decoded from the aggregated feature; zero outside the cube."""
        return self._inside(points, self.head.occupancy_logits(aggregate_projections(self.planes, points)))

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Appearance features decoded from the aggregated feature."""
        return self.head.features(aggregate_projections(self.planes, points))

    def sample(self, points: Float[Tensor, "b n 3"]) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n c"]]:
        """Both, with one look-up."""
        aggregated = aggregate_projections(self.planes, points)
        return self._inside(points, self.head.occupancy_logits(aggregated)), self.head.features(aggregated)

    def repeat(self, times: int) -> "TriplaneField":
        """Each object ``times`` over."""
        return TriplaneField(self.planes.repeat_interleave(times, dim=0), self.head, self.voxel_size)

    @staticmethod
    def _inside(points: Float[Tensor, "b n 3"], logits: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        return torch.sigmoid(logits) * (points.abs().amax(dim=-1) <= 0.5).to(logits.dtype)


def aggregate_projections(planes: Float[Tensor, "b 3 p h w"], points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n p"]:
    """Sum over the three planes of the bilinear feature at a point's projection."""
    at = torch.stack([points[..., list(axes)] for axes in PLANE_AXES], dim=1)
    flat_at = (2.0 * at).flatten(0, 1)[:, :, None, :]
    values = functional.grid_sample(planes.flatten(0, 1), flat_at, padding_mode="border", align_corners=False)
    per_plane = values.squeeze(-1).unflatten(0, (-1, 3))
    return per_plane.sum(dim=1).transpose(1, 2)


def mirror_average_planes(planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 p h w"]:
    """Planes of the field averaged with its mirror image in x: XY and XZ run along x in width, YZ does not see it."""
    mirrored = torch.flip(planes[:, :2], dims=(-1,))
    return torch.cat([0.5 * (planes[:, :2] + mirrored), planes[:, 2:]], dim=1)
