"""A field stored on voxel grids: memory grows as N^3."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


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

    def repeat(self, times: int) -> "VoxelField":
        """Each object ``times`` over."""
        return VoxelField(
            self.occupancy_grid.repeat_interleave(times, dim=0), self.feature_grid.repeat_interleave(times, dim=0)
        )


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


def mirror_average(grid: Float[Tensor, "*any x"]) -> Float[Tensor, "*any x"]:
    """A grid averaged with its mirror image in x (the last axis)."""
    return 0.5 * (grid + torch.flip(grid, dims=(-1,)))
