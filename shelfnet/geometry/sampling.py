"""Linear interpolation in voxel grids, feature planes and images."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def interpolate_grid(
    grid: Float[Tensor, "b c *size"], points: Float[Tensor, "b n d"], padding: Literal["zeros", "border"] = "zeros"
) -> Float[Tensor, "b n c"]:
    """Bilinear or trilinear interpolation of values at cell centres of a grid over [-1/2, 1/2]^d.

    Args:
        grid: Values, axes in the order ``y x`` or ``z y x``.
        points: Coordinates in the order ``x y`` or ``x y z``.
        padding: Values outside the grid: zero, or those at its border.
    """
    batch, n_points, dimensions = points.shape
    coordinates = (2.0 * points).reshape(batch, n_points, *[1] * (dimensions - 1), dimensions)
    values = functional.grid_sample(grid, coordinates, mode="bilinear", padding_mode=padding, align_corners=False)
    return values.flatten(2).transpose(1, 2)
