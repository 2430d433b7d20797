import pytest
import torch

from shelfnet.losses.distortion import distortion_loss
from shelfnet.renderer.volume import RayWeights


def marched(*weights, chord=1.0, pixels=1) -> RayWeights:
    values = torch.tensor([weights], dtype=torch.float64)
    return RayWeights(values, torch.full(values.shape[:2], chord, dtype=torch.float64), pixels)


def test_a_clear_ray_costs_nothing():
    assert distortion_loss(marched([0.0, 0.0, 0.0])).item() == 0.0


def test_two_half_surfaces_cost_half_their_distance():
    cost = distortion_loss(marched([0.5, 0.0, 0.0, 0.5], chord=2.0)).item()
    within = 2.0 * 2 * 0.25 / (3 * 4)
    assert cost == pytest.approx(0.5 * 2.0 * 0.75 + within)


def test_fog_costs_more_than_a_surface_of_the_same_opacity():
    fog, surface = distortion_loss(marched([0.25] * 4)).item(), distortion_loss(marched([0.0, 1.0, 0.0, 0.0])).item()
    assert fog > 3 * surface


def test_equals_the_double_sum():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 5, 7, generator=generator, dtype=torch.float64) / 7
    chord = torch.rand(2, 5, generator=generator, dtype=torch.float64)
    depth = (torch.arange(7).double() + 0.5) / 7
    apart = (depth[:, None] - depth[None, :]).abs()
    double_sum = torch.einsum("bri,brj,ij->br", weights, weights, apart) + weights.square().sum(-1) / 21
    expected = (chord * double_sum).sum(1) / 9
    assert torch.allclose(distortion_loss(RayWeights(weights, chord, 9)), expected)
