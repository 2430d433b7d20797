import pytest
import torch

from shelfnet.losses.distortion import distortion_loss
from shelfnet.renderer.volume import RayWeights


def ray_weights(*weights, length=1.0, pixels=1) -> RayWeights:
    values = torch.tensor([weights], dtype=torch.float64)
    return RayWeights(values, torch.full(values.shape[:2], length, dtype=torch.float64), pixels)


def test_distortion_of_an_empty_ray_is_zero():
    assert distortion_loss(ray_weights([0.0, 0.0, 0.0])).item() == 0.0


def test_distortion_of_two_half_surfaces():
    cost = distortion_loss(ray_weights([0.5, 0.0, 0.0, 0.5], length=2.0)).item()
    within = 2.0 * 2 * 0.25 / (3 * 4)
    assert cost == pytest.approx(0.5 * 2.0 * 0.75 + within)


def test_distortion_of_fog_exceeds_that_of_a_surface():
    fog, surface = (
        distortion_loss(ray_weights([0.25] * 4)).item(),
        distortion_loss(ray_weights([0.0, 1.0, 0.0, 0.0])).item(),
    )
    assert fog > 3 * surface


def test_distortion_matches_the_double_sum():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 5, 7, generator=generator, dtype=torch.float64) / 7
    length = torch.rand(2, 5, generator=generator, dtype=torch.float64)
    depth = (torch.arange(7).double() + 0.5) / 7
    apart = (depth[:, None] - depth[None, :]).abs()
    double_sum = torch.einsum("bri,brj,ij->br", weights, weights, apart) + weights.square().sum(-1) / 21
    expected = (length * double_sum).sum(1) / 9
    assert torch.allclose(distortion_loss(RayWeights(weights, length, 9)), expected)
