"""Voxel-grid field, with memory in O(N^3)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.geometry.sampling import interpolate_grid
from shelfnet.representations.field import WeightFn


@dataclass(frozen=True)
class VoxelField:
    """Occupancy and features on two grids over [-1/2, 1/2]^3, with values at cell centres.

    Attributes:
        occupancy_grid: Occupancy in [0, 1].
        feature_grid: Appearance features; the resolution may differ.
    """

    occupancy_grid: Float[Tensor, "b 1 z y x"]
    feature_grid: Float[Tensor, "b c fz fy fx"]

    @property
    def voxel_size(self) -> float:
        """Side of an occupancy voxel in object units."""
        return 1.0 / self.occupancy_grid.shape[-1]

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Trilinear occupancy, zero outside the grid."""
        return interpolate_grid(self.occupancy_grid, points, padding="zeros").squeeze(-1)

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Trilinear features; border values extend outside the grid."""
        return interpolate_grid(self.feature_grid, points, padding="border")

    def accumulate_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Weighted sum of the features of each ray's samples.

        CUDA uses :func:`accumulate_by_matmul`, whose backward pass avoids most atomic additions.
        """
        if points.is_cuda:
            return accumulate_by_matmul(self.feature_grid, points, weights)
        features = self.features(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        return (weights[..., None] * features).sum(dim=2)

    def march(
        self, points: Float[Tensor, "b r s 3"], weight_fn: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Rendering weights of ray samples and the features accumulated with them."""
        weights = weight_fn(self.occupancy(points.flatten(1, 2)).unflatten(1, points.shape[1:3]))
        return weights, self.accumulate_features(points, weights)


def accumulate_by_matmul(
    grid: Float[Tensor, "b c z y x"], points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
) -> Float[Tensor, "b r c"]:
    """Weighted sum of trilinear values of each ray's samples, as one matrix product; border values extend outside.

    The sum is linear in the grid: a row of cell weights, shared by all channels, times the flattened grid. Only the
    cell weights are scattered, once per corner of a sample rather than once per corner and channel. They are summed in
    float32; the product follows autocast.
    """
    cells, corner_weights = trilinear_corners(points, grid.shape[-1])
    flat_cells = cells.flatten(2)
    values = (corner_weights * weights[..., None]).flatten(2)
    matrix = values.new_zeros(*values.shape[:2], grid[0, 0].numel()).scatter_add(2, flat_cells, values)
    accumulated = torch.bmm(matrix, grid.flatten(2).transpose(1, 2))
    return accumulated.to(values.dtype)


def trilinear_corners(
    points: Float[Tensor, "*any 3"], resolution: int
) -> tuple[Int[Tensor, "*any 8"], Float[Tensor, "*any 8"]]:
    """Flat ``z y x`` indices of the eight cells around each point, and their interpolation weights."""
    position = ((points + 0.5) * resolution - 0.5).clamp(0.0, resolution - 1.0)
    low = position.detach().floor().clamp(max=resolution - 2.0)
    x, y, z = torch.stack([1.0 - (position - low), position - low], dim=-1).unbind(dim=-2)
    weights = z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]
    x_low, y_low, z_low = low.long().unbind(dim=-1)
    first = x_low + resolution * y_low + resolution**2 * z_low
    steps = [dz * resolution**2 + dy * resolution + dx for dz in (0, 1) for dy in (0, 1) for dx in (0, 1)]
    return torch.stack([first + step for step in steps], dim=-1), weights.flatten(-3)


def mirror_average(grid: Float[Tensor, "*any x"]) -> Float[Tensor, "*any x"]:
    """Average of a grid and its mirror image in x, the last axis."""
    return 0.5 * (grid + torch.flip(grid, dims=(-1,)))
