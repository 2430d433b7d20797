"""A field stored on voxel grids: memory grows as N^3."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from shelfnet.representations.field import WeightFn


@dataclass(frozen=True)
class VoxelField:
    """Occupancy and features on two grids over [-1/2, 1/2]^3, values at cell centres.

    Attributes:
        occupancy_grid: probabilities in [0, 1].
        feature_grid: appearance features, of any resolution of their own.
    """

    occupancy_grid: Float[Tensor, "b 1 z y x"]
    feature_grid: Float[Tensor, "b c fz fy fx"]

    @property
    def voxel_size(self) -> float:
        """Side of an occupancy cell."""
        return 1.0 / self.occupancy_grid.shape[-1]

    def occupancy(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Trilinear occupancy; zero outside the grid."""
        return sample_grid(self.occupancy_grid, points, padding="zeros").squeeze(-1)

    def features(self, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n c"]:
        """Trilinear features, continued from the border outside the grid."""
        return sample_grid(self.feature_grid, points, padding="border")

    def sample(self, points: Float[Tensor, "b n 3"]) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n c"]]:
        """Occupancy and features at points."""
        return self.occupancy(points), self.features(points)

    def mixed_features(
        self, points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
    ) -> Float[Tensor, "b r c"]:
        """Trilinear features, added up along rays.

        On a GPU by :func:`mix_by_matrix`, whose backward pass has no collisions to wait for; on a CPU sample by sample.
        """
        if points.is_cuda:
            return mix_by_matrix(self.feature_grid, points, weights)
        features = self.features(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        return (weights[..., None] * features).sum(dim=2)

    def march(
        self, points: Float[Tensor, "b r s 3"], weigh: WeightFn
    ) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
        """Weights and mixed features; the two grids have nothing to share."""
        weights = weigh(self.occupancy(points.flatten(1, 2)).unflatten(1, points.shape[1:3]))
        return weights, self.mixed_features(points, weights)


def sample_grid(
    grid: Float[Tensor, "b c z y x"], points: Float[Tensor, "b n 3"], padding: str
) -> Float[Tensor, "b n c"]:
    """Trilinear interpolation of values at cell centres of a grid over [-1/2, 1/2]^3.

    Args:
        grid: values, axes in the order z, y, x.
        points: object coordinates (x, y, z).
        padding: ``zeros`` or ``border``, what lies outside.
    """
    at = (2.0 * points)[:, :, None, None, :]
    values = functional.grid_sample(grid, at, mode="bilinear", padding_mode=padding, align_corners=False)
    return values[:, :, :, 0, 0].transpose(1, 2)


def mix_by_matrix(
    grid: Float[Tensor, "b c z y x"], points: Float[Tensor, "b r s 3"], weights: Float[Tensor, "b r s"]
) -> Float[Tensor, "b r c"]:
    """Trilinear values at points of rays, each times its weight, added up along the rays; border values continue.

    What a ray adds up is linear in the grid: a row of cell weights, which all channels share, times the grid. So the
    channels meet a matrix product alone, forward and backward, and the scattered additions are one number a corner of
    a sample in the place of one a channel. Sums of cell weights are float32, products as autocast has it.
    """
    cells, shares = trilinear_corners(points, grid.shape[-1])
    flat_cells = cells.flatten(2)
    values = (shares * weights[..., None]).flatten(2)
    matrix = values.new_zeros(*values.shape[:2], grid[0, 0].numel()).scatter_add(2, flat_cells, values)
    mixed = torch.bmm(matrix, grid.flatten(2).transpose(1, 2))
    return mixed.to(values.dtype)


def trilinear_corners(
    points: Float[Tensor, "*any 3"], resolution: int
) -> tuple[Int[Tensor, "*any 8"], Float[Tensor, "*any 8"]]:
    """Flat index ``z y x`` of the eight cells around a point of the unit cube, and the share that each has in it."""
    at = ((points + 0.5) * resolution - 0.5).clamp(0.0, resolution - 1.0)
    low = at.detach().floor().clamp(max=resolution - 2.0)
    x, y, z = torch.stack([1.0 - (at - low), at - low], dim=-1).unbind(dim=-2)
    shares = z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]
    strides = (1, resolution, resolution**2)
    first = sum(stride * axis for stride, axis in zip(strides, low.long().unbind(dim=-1), strict=True))
    steps = [dz * strides[2] + dy * strides[1] + dx for dz in (0, 1) for dy in (0, 1) for dx in (0, 1)]
    return torch.stack([first + step for step in steps], dim=-1), shares.flatten(-3)


def mirror_average(grid: Float[Tensor, "*any x"]) -> Float[Tensor, "*any x"]:
    """A grid averaged with its mirror image in x (the last axis)."""
    return 0.5 * (grid + torch.flip(grid, dims=(-1,)))
