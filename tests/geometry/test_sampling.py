"""Grid interpolation against a loop over cells."""

import itertools

import pytest
import torch

from shelfnet.geometry.sampling import interpolate_grid


def naive_interpolation(grid: torch.Tensor, point: list[float], padding: str) -> torch.Tensor:
    """Sum over all cells of one grid; the axes of ``grid`` run in the reverse order of the coordinates."""
    total = torch.zeros(len(grid), dtype=grid.dtype)
    sizes = grid.shape[1:]
    position = [(value + 0.5) * size - 0.5 for value, size in zip(point, reversed(sizes), strict=True)]
    if padding == "border":
        position = [min(max(value, 0.0), size - 1.0) for value, size in zip(position, reversed(sizes), strict=True)]
    for cell in itertools.product(*map(range, sizes)):
        weight = 1.0
        for index, value in zip(reversed(cell), position, strict=True):
            weight *= max(0.0, 1.0 - abs(index - value))
        total += weight * grid[(slice(None), *cell)]
    return total


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("size", [(4, 5), (3, 4, 5)], ids=["image", "volume"])
def test_interpolate_grid_matches_a_loop(size, padding):
    generator = torch.Generator().manual_seed(0)
    grid = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    points = 1.4 * (torch.rand(2, 7, len(size), generator=generator, dtype=torch.float64) - 0.5)
    found = interpolate_grid(grid, points, padding)
    for values, batch, places in zip(found, grid, points, strict=True):
        for value, point in zip(values, places.tolist(), strict=True):
            torch.testing.assert_close(value, naive_interpolation(batch, point, padding))


def test_interpolate_grid_of_no_points_is_empty():
    assert interpolate_grid(torch.zeros(1, 3, 4, 4), torch.zeros(1, 0, 2)).shape == (1, 0, 3)
