"""Neural renderer against analytic silhouettes, naive loops and finite differences."""

import math
from dataclasses import dataclass

import pytest
import torch

from shelfnet.geometry.cameras import camera_rays, look_at_origin, project
from shelfnet.renderer.volume import intersect_cube, max_rays_in_cube, render_features
from shelfnet.representations.voxels import VoxelField

FOV, DISTANCE = math.radians(35.0), 2.6


@dataclass(frozen=True)
class Solid:
    """Analytic solid with the coordinates as features."""

    inside: object
    batch: int
    voxel_size: float = 1 / 32

    def occupancy(self, points):
        return self.inside(points).to(points.dtype)

    def features(self, points):
        return points

    def accumulate_features(self, points, weights):
        return (weights[..., None] * points).sum(dim=2)

    def march(self, points, weight_fn):
        weights = weight_fn(self.occupancy(points))
        return weights, self.accumulate_features(points, weights)


def cameras(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    azimuth = (torch.rand(n, generator=generator) * 2 - 1) * math.pi
    elevation = torch.rand(n, generator=generator) * 1.0 - 0.3
    return look_at_origin(azimuth.double(), elevation.double(), DISTANCE)


def soft_iou(first, second):
    return torch.minimum(first, second).sum((1, 2)) / torch.maximum(first, second).sum((1, 2))


def test_sphere_silhouette_is_analytic():
    radius, cams = 0.4, cameras(20)
    rendered = render_features(Solid(lambda p: p.norm(dim=-1) < radius, 20), cams, FOV, 64, 64).mask
    _, directions = camera_rays(cams, FOV, 64)
    along = (directions * -cams[:, None, None, :3, 3]).sum(-1)
    exact = (DISTANCE**2 - along**2 < radius**2).double()
    assert soft_iou(rendered, exact).min() >= 0.97


def test_box_silhouette_is_analytic():
    half, cams = torch.tensor([0.2, 0.45, 0.3]).double(), cameras(20)
    rendered = render_features(Solid(lambda p: (p.abs() < half).all(-1), 20), cams, FOV, 64, 64).mask
    origins, directions = camera_rays(cams, FOV, 64)
    first = (-half - origins[:, None, None]) / directions
    second = (half - origins[:, None, None]) / directions
    near, far = torch.minimum(first, second).amax(-1), torch.maximum(first, second).amin(-1)
    assert soft_iou(rendered, (far > near).double()).min() >= 0.97


def test_features_are_those_of_the_front_surface():
    half = torch.tensor([0.3, 0.3, 0.3]).double()
    cams = look_at_origin(torch.zeros(1).double(), torch.zeros(1).double(), DISTANCE)
    shown = render_features(Solid(lambda p: (p.abs() < half).all(-1), 1), cams, FOV, 33, 256)
    assert shown.mask[0, 16, 16] == pytest.approx(1.0, abs=1e-3)
    assert shown.features[0, 16, 16, 2].item() == pytest.approx(0.3, abs=0.03)
    right = shown.features[0, 16, 18]
    pixel, _ = project(right.reshape(1, 1, 3), cams, FOV, 33)
    assert pixel[0, 0].tolist() == pytest.approx([18.5, 16.5], abs=0.1)


def test_opacity_is_independent_of_the_number_of_samples():
    faint = VoxelField(torch.full((1, 1, 16, 16, 16), 0.1).double(), torch.zeros(1, 1, 2, 2, 2).double())
    cams = look_at_origin(torch.zeros(1).double(), torch.zeros(1).double(), DISTANCE)
    few, many = (render_features(faint, cams, FOV, 9, samples).mask[0, 4, 4].item() for samples in (32, 512))
    assert few == pytest.approx(many, rel=0.02)
    assert many == pytest.approx(1 - 0.9**16, rel=0.05)


def test_intersect_cube_of_a_hit_and_a_miss():
    origins = torch.tensor([[0.0, 0.0, 3.0]])
    near, length = intersect_cube(origins, torch.tensor([[[0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]]))
    assert near[0, 0].item() == pytest.approx(2.5)
    assert length[0].tolist() == pytest.approx([1.0, 0.0])


def random_field(objects: int) -> VoxelField:
    generator = torch.Generator().manual_seed(3)
    occupancy = torch.sigmoid(4 * torch.randn(objects, 1, 8, 8, 8, generator=generator)).double()
    return VoxelField(occupancy, torch.randn(objects, 3, 4, 4, 4, generator=generator).double())


@pytest.mark.parametrize("jittered", [False, True])
def test_max_rays_does_not_change_the_image(jittered):
    def shown(max_rays):
        jitter = torch.rand(6, 256, 1, generator=torch.Generator().manual_seed(1)).double() if jittered else None
        return render_features(
            random_field(6), cameras(6), FOV, 16, 12, feature_samples_per_ray=4, jitter=jitter, max_rays=max_rays
        )

    some, all_rays = shown(max_rays_in_cube(FOV, DISTANCE, 16)), shown(None)
    assert some.rays.weights.shape[1] < 256 == all_rays.rays.weights.shape[1]
    assert torch.allclose(some.mask, all_rays.mask, atol=1e-12)
    assert torch.allclose(some.features, all_rays.features, atol=1e-12)


@pytest.mark.parametrize("resolution_px", [16, 33])
def test_max_rays_in_cube_is_a_tight_bound(resolution_px):
    origins, directions = camera_rays(cameras(300), FOV, resolution_px)
    hits = (intersect_cube(origins, directions.flatten(1, 2))[1] > 0).sum(dim=1)
    assert (
        0.85 * max_rays_in_cube(FOV, DISTANCE, resolution_px)
        < hits.max()
        <= max_rays_in_cube(FOV, DISTANCE, resolution_px)
    )


def test_views_per_object_matches_copies_of_the_object():
    field, cams = random_field(2), cameras(6)
    several = render_features(field, cams, FOV, 12, 8, feature_samples_per_ray=3, views_per_object=3)
    copies = VoxelField(field.occupancy_grid.repeat_interleave(3, 0), field.feature_grid.repeat_interleave(3, 0))
    single = render_features(copies, cams, FOV, 12, 8, feature_samples_per_ray=3)
    assert torch.allclose(several.mask, single.mask, atol=1e-12)
    assert torch.allclose(several.features, single.features, atol=1e-12)
    assert torch.allclose(several.rays.weights, single.rays.weights, atol=1e-12)


def test_feature_samples_approximate_all_samples():
    generator = torch.Generator().manual_seed(3)
    occupancy = torch.sigmoid(4 * torch.randn(1, 1, 8, 8, 8, generator=generator))
    field = VoxelField(occupancy, torch.randn(1, 3, 4, 4, 4, generator=generator))
    full = render_features(field, cameras(1).float(), FOV, 16, 32)
    part = render_features(field, cameras(1).float(), FOV, 16, 32, feature_samples_per_ray=16)
    assert torch.equal(full.mask, part.mask)
    solid = full.mask > 0.5
    assert (full.features - part.features)[solid].abs().mean() < 0.15 * full.features[solid].abs().mean()


def test_gradients_of_mask_and_features_match_finite_differences():
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 1, 5, 5, 5, generator=generator).double().requires_grad_(True)
    features = torch.randn(1, 2, 4, 4, 4, generator=generator).double().requires_grad_(True)
    azimuth = torch.tensor([0.4]).double().requires_grad_(True)
    elevation = torch.tensor([0.2]).double().requires_grad_(True)

    def image(logits, features, azimuth, elevation):
        field = VoxelField(torch.sigmoid(logits), features)
        shown = render_features(field, look_at_origin(azimuth, elevation, DISTANCE), FOV, 4, 6)
        return shown.mask, shown.features

    assert torch.autograd.gradcheck(image, (logits, features, azimuth, elevation), atol=1e-6, eps=1e-7)
