"""Tri-plane field (section 2.3), with memory in O(N^2)."""

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.geometry.sampling import interpolate_grid
from shelfnet.representations.field import WeightFn

PLANE_AXES = ((0, 1), (0, 2), (1, 2))
"""Object axes of the planes XY, XZ and YZ: along the plane's width, then along its height."""


@runtime_checkable
class PointDecoder(Protocol):
    """Decodes the aggregated plane features of points."""

    def occupancy_logits(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n"]:
        """Occupancy logits."""
        ...

    def features(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n c"]:
        """Appearance features."""
        ...


class TwoLayerPerceptron(nn.Sequential):
    """Linear layer, leaky ReLU and linear layer."""

    LEAK = 0.2

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(nn.Linear(inputs, hidden), nn.LeakyReLU(self.LEAK), nn.Linear(hidden, outputs))

    @property
    def first(self) -> nn.Linear:
        """The first linear layer."""
        return cast(nn.Linear, self[0])

    @property
    def last(self) -> nn.Linear:
        """The last linear layer."""
        return cast(nn.Linear, self[2])


@runtime_checkable
class PerceptronDecoder(PointDecoder, Protocol):
    """A decoder of two perceptrons, which compiled loops can evaluate."""

    to_occupancy: TwoLayerPerceptron
    to_features: TwoLayerPerceptron


@dataclass(frozen=True)
class TriplaneField:
    """Features on the planes XY, XZ and YZ; the feature of a point aggregates its three projections.

    Attributes:
        planes: Features at cell centres over [-1/2, 1/2]^2.
        head: Decoder of aggregated features into occupancy and appearance.
        voxel_size: Path length, in object units, over which an occupancy is the opacity.
        shared_logits: Occupancy logits that those of the head are added to, at cell centres; zero if ``None``.
    """

    planes: Float[Tensor, "b 3 p h w"]
    head: PointDecoder
    voxel_size: float
    shared_logits: Float[Tensor, "b 1 z y x"] | None = None

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Occupancy decoded from the aggregated feature, zero outside the cube."""
        return self._occupancy(points, aggregate_projections(self.planes, points))

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Appearance features decoded from the aggregated feature."""
        return self.head.features(aggregate_projections(self.planes, points))

    def accumulate_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Weighted sum of the features of each ray's samples."""
        features = self.features(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        return (weights[..., None] * features).sum(dim=2)

    def march(
        self, points: Float[Tensor, "b r s 3"], weight_fn: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Rendering weights and accumulated features; the planes are sampled once for both."""
        flat, rays = points.flatten(1, 2), points.shape[1:3]
        aggregated = aggregate_projections(self.planes, flat)
        occupancy = self._occupancy(flat, aggregated).unflatten(1, rays)
        features = self.head.features(aggregated).unflatten(1, rays)
        weights = weight_fn(occupancy)
        return weights, (weights[..., None] * features).sum(dim=2)

    def _occupancy(self, points: Float[Tensor, "b n 3"], aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n"]:
        logits = self.head.occupancy_logits(aggregated).to(points.dtype)
        if self.shared_logits is not None:
            logits = logits + interpolate_grid(self.shared_logits, points, padding="border").squeeze(-1)
        occupancy = torch.sigmoid(logits)
        return occupancy * (points.abs().amax(dim=-1) <= 0.5).to(points.dtype)


def aggregate_projections(planes: Float[Tensor, "b 3 p h w"], points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n p"]:
    """Sum over the three planes of the bilinear feature at a point's projection."""
    axes = points.unbind(dim=-1)
    projections = torch.stack([torch.stack([axes[w], axes[h]], dim=-1) for w, h in PLANE_AXES], dim=1)
    sampled = interpolate_grid(planes.flatten(0, 1), projections.flatten(0, 1), padding="border")
    return sampled.unflatten(0, (-1, 3)).sum(dim=1)


def mirror_average_planes(planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 p h w"]:
    """Average of a tri-plane field and its mirror image in x, which is the width of XY and XZ and absent from YZ."""
    mirrored = torch.flip(planes[:, :2], dims=(-1,))
    return torch.cat([0.5 * (planes[:, :2] + mirrored), planes[:, 2:]], dim=1)
