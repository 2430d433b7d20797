"""A field stored on three planes (section 2.3): memory grows as N^2."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from shelfnet.representations.field import WeightFn

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

    def mixed_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Features of all points, decoded one by one before they are added up."""
        features = self.features(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        return (weights[..., None] * features).sum(dim=2)

    def march(
        self, points: Float[Tensor, "b r s 3"], weigh: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Weights and mixed features, with one look-up."""
        occupancy, features = (values.unflatten(1, points.shape[1:3]) for values in self.sample(points.flatten(1, 2)))
        weights = weigh(occupancy)
        return weights, (weights[..., None] * features).sum(dim=2)

    @staticmethod
    def _inside(points: Float[Tensor, "b n 3"], logits: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        probability = torch.sigmoid(logits.to(points.dtype))
        return probability * (points.abs().amax(dim=-1) <= 0.5).to(points.dtype)


def aggregate_projections(planes: Float[Tensor, "b 3 p h w"], points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n p"]:
    """Sum over the three planes of the bilinear feature at a point's projection."""
    along = points.unbind(dim=-1)
    at = torch.stack([torch.stack([along[axis] for axis in axes], dim=-1) for axes in PLANE_AXES], dim=1)
    flat_at = (2.0 * at).flatten(0, 1)[:, :, None, :]
    values = functional.grid_sample(planes.flatten(0, 1), flat_at, padding_mode="border", align_corners=False)
    per_plane = values.squeeze(-1).unflatten(0, (-1, 3))
    return per_plane.sum(dim=1).transpose(1, 2)


def mirror_average_planes(planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 p h w"]:
    """Planes of the field averaged with its mirror image in x: XY and XZ run along x in width, YZ does not see it."""
    mirrored = torch.flip(planes[:, :2], dims=(-1,))
    return torch.cat([0.5 * (planes[:, :2] + mirrored), planes[:, 2:]], dim=1)
