"""Voxel and tri-plane fields: axes, symmetry and accumulation along rays."""

import pytest
import torch
from torch import nn

from shelfnet.representations.triplane import PLANE_AXES, TriplaneField, aggregate_projections, mirror_average_planes
from shelfnet.representations.voxels import VoxelField, accumulate_by_matmul, mirror_average


def centres(resolution: int) -> torch.Tensor:
    return (torch.arange(resolution).double() + 0.5) / resolution - 0.5


def coordinate_grid(resolution: int, axis: int) -> torch.Tensor:
    z, y, x = torch.meshgrid(*[centres(resolution)] * 3, indexing="ij")
    return (x, y, z)[axis][None, None]


def inner_points(n: int = 64) -> torch.Tensor:
    return (torch.rand(1, n, 3, generator=torch.Generator().manual_seed(0)).double() - 0.5) * 0.8


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_voxel_grid_of_a_coordinate_returns_that_coordinate(axis):
    grid = coordinate_grid(16, axis)
    field = VoxelField(grid, grid)
    points = inner_points()
    assert torch.allclose(field.features(points)[..., 0], points[..., axis], atol=1e-12)
    assert torch.allclose(field.occupancy(points), points[..., axis], atol=1e-12)


def test_occupancy_is_zero_outside_the_cube():
    field = VoxelField(torch.ones(1, 1, 8, 8, 8), torch.ones(1, 2, 4, 4, 4))
    points = torch.tensor([[[0.0, 0.0, 0.0], [0.7, 0.0, 0.0], [0.0, -0.7, 0.0]]])
    assert field.occupancy(points).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_plane_depends_on_its_two_axes(plane, axis):
    """A plane with the coordinate of its width or height as feature returns that coordinate and no other."""
    width, height = PLANE_AXES[plane]
    values = centres(16)
    along = values[None, :].expand(16, 16) if axis == width else values[:, None].expand(16, 16)
    planes = torch.zeros(1, 3, 1, 16, 16).double()
    planes[0, plane, 0] = along
    points = inner_points()
    found = aggregate_projections(planes, points)[..., 0]
    if axis in (width, height):
        assert torch.allclose(found, points[..., axis], atol=1e-12)
    else:
        assert not torch.allclose(found, points[..., axis], atol=1e-2)


def test_plane_axes_are_all_pairs():
    assert sorted(sorted(axes) for axes in PLANE_AXES) == [[0, 1], [0, 2], [1, 2]]


class IdentityDecoder(nn.Module):
    """Decoder that returns the first channel as the logit and all channels as features."""

    def occupancy_logits(self, aggregated):
        return aggregated[..., 0]

    def features(self, aggregated):
        return aggregated


def test_mirror_averaged_planes_are_even_in_x():
    planes = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    field = TriplaneField(mirror_average_planes(planes), IdentityDecoder(), 1 / 32)
    points = inner_points().expand(2, -1, -1)
    mirrored = points * torch.tensor([-1.0, 1.0, 1.0]).double()
    assert torch.allclose(field.occupancy(points), field.occupancy(mirrored), atol=1e-12)
    assert not torch.allclose(field.occupancy(points), field.occupancy(points[..., [0, 2, 1]]), atol=1e-3)


def test_mirror_averaged_grid_is_even_in_x():
    grid = mirror_average(torch.randn(1, 2, 4, 4, 4, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(grid, grid.flip(-1))


def rays_beyond_the_cube() -> tuple[torch.Tensor, torch.Tensor]:
    """Samples and weights of rays of two objects; some samples lie outside the cube."""
    generator = torch.Generator().manual_seed(5)
    points = 1.3 * (torch.rand(2, 5, 4, 3, generator=generator).double() - 0.5)
    return points, torch.rand(2, 5, 4, generator=generator).double()


def test_accumulate_by_matmul_matches_per_sample_sum():
    points, weights = rays_beyond_the_cube()
    grid = torch.randn(2, 3, 4, 4, 4, generator=torch.Generator().manual_seed(6)).double()
    expected = VoxelField(grid[:, :1], grid).accumulate_features(points, weights)
    assert torch.allclose(accumulate_by_matmul(grid, points, weights), expected, atol=1e-12)


def test_accumulate_by_matmul_gradients_match_finite_differences():
    points, weights = (values.requires_grad_() for values in rays_beyond_the_cube())
    grid = torch.randn(2, 2, 3, 3, 3, generator=torch.Generator().manual_seed(7)).double().requires_grad_()
    assert torch.autograd.gradcheck(accumulate_by_matmul, (grid, points, weights))


@pytest.mark.parametrize("kind", ["voxel", "triplane"])
def test_march_accumulates_weighted_features(kind):
    points, _ = rays_beyond_the_cube()
    generator = torch.Generator().manual_seed(8)
    if kind == "voxel":
        field = VoxelField(torch.rand(2, 1, 4, 4, 4, generator=generator).double(), torch.randn(2, 3, 4, 4, 4).double())
    else:
        field = TriplaneField(torch.randn(2, 3, 3, 8, 8, generator=generator).double(), IdentityDecoder(), 1 / 32)
    weights, accumulated = field.march(points, torch.square)
    occupancy = field.occupancy(points.flatten(1, 2)).unflatten(1, (5, 4))
    features = field.features(points.flatten(1, 2)).unflatten(1, (5, 4))
    assert torch.allclose(weights, occupancy.square())
    assert torch.allclose(accumulated, torch.einsum("brs,brsc->brc", weights, features))
    assert torch.allclose(field.accumulate_features(points, weights), accumulated)
