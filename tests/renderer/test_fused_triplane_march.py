"""Compiled march through tri-planes on a CPU against the tensor operations in float64."""

import copy
import math
from dataclasses import dataclass

import pytest
import torch

pytest.importorskip("numba")

from torch import nn

from shelfnet.config.networks import DecoderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import TriplaneHead
from shelfnet.renderer import volume
from shelfnet.renderer.fused_march import can_fuse, march_rays_fused
from shelfnet.renderer.ray_march import MarchedRays, RaySegments, march_rays
from shelfnet.representations.triplane import TriplaneField
from tests.renderer.test_fused_march import relative_error

RAYS, SAMPLES = 23, 13


@dataclass(frozen=True)
class Case:
    """Inputs of a march, in one precision; ``tensors`` are planes, starts, spans, lengths and shared logits, if any."""

    head: TriplaneHead
    tensors: tuple[torch.Tensor, ...]
    phases: torch.Tensor

    def to(self, dtype: torch.dtype) -> "Case":
        """A copy in another precision, whose tensors need gradients."""
        tensors = tuple(value.detach().to(dtype).requires_grad_() for value in self.tensors)
        return Case(copy.deepcopy(self.head).to(dtype), tensors, self.phases.to(dtype))

    @property
    def field(self) -> TriplaneField:
        return TriplaneField(self.tensors[0], self.head, 1 / 8, *self.tensors[4:])

    def marched(self, march, feature_samples: int | None) -> MarchedRays:
        return march(self.field, RaySegments(*self.tensors[1:4], self.phases), SAMPLES, feature_samples)

    def gradients(self, result: MarchedRays, with_weights: bool) -> tuple[torch.Tensor, ...]:
        """Gradients of tensors and parameters, for random gradients of the results."""
        generator = torch.Generator().manual_seed(1)
        results = (result.opacity, result.features, result.weights)[: 3 if with_weights else 2]
        loss = sum((torch.randn(value.shape, generator=generator) * value).sum() for value in results)
        return torch.autograd.grad(loss, [*self.tensors, *self.head.parameters()])


def random_case(resolution: int = 9, shared: tuple[int, int, int] | None = None) -> Case:
    """Planes of three objects and rays through them, a quarter of which miss the cube."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    torch.manual_seed(0)
    head = TriplaneHead(DecoderSettings(plane_channels=5, plane_hidden=7, feature_channels=6))
    nn.init.normal_(head.to_occupancy[-1].weight)
    nn.init.constant_(head.to_occupancy[-1].bias, -0.5)
    starts, ends = uniform(2, 3, RAYS, 3) - 0.5
    spans = ends - starts
    spans[:, ::4] = 0.0
    logits = () if shared is None else (6 * uniform(3, 1, *shared) - 3,)
    planes = 4 * uniform(3, 3, 5, resolution, resolution) - 2
    return Case(head, (planes, starts, spans, spans.norm(dim=-1), *logits), uniform(3, RAYS))


@pytest.mark.parametrize("with_weights", [False, True], ids=["no gradient of weights", "gradient of weights"])
@pytest.mark.parametrize("feature_samples", [None, 1, 4])
@pytest.mark.parametrize(("resolution", "shared"), [(9, None), (4, (6, 5, 4)), (2, (1, 2, 3)), (1, (1, 1, 1))])
def test_values_and_gradients_match_tensor_operations(resolution, shared, feature_samples, with_weights):
    case, reference = (random_case(resolution, shared).to(dtype) for dtype in (torch.float32, torch.float64))
    assert can_fuse(case.field, case.tensors[1])
    found, expected = case.marched(march_rays_fused, feature_samples), reference.marched(march_rays, feature_samples)
    assert expected.opacity.min() == 0 and expected.opacity.max() > 0.6
    for name in ("weights", "opacity", "features"):
        assert relative_error(getattr(found, name), getattr(expected, name)) < 1e-5, name
    pairs = zip(case.gradients(found, with_weights), reference.gradients(expected, with_weights), strict=True)
    hit = case.tensors[3] > 0  # the length of a ray that misses is clamped and has no gradient
    for index, (gradient, wanted) in enumerate(pairs):
        wanted = wanted * hit if index == 3 else wanted
        assert relative_error(gradient, wanted) < 5e-5, index  # sums over many samples cancel


@pytest.mark.parametrize("views", [1, 3])
def test_renders_and_their_gradients_match_the_plain_path(views, monkeypatch):
    """Through cameras, several views per object and dropped rays."""
    case = random_case(8, (4, 4, 4))
    generator = torch.Generator().manual_seed(2)
    angles = torch.rand(2, 3 * views, generator=generator)
    jitter = torch.rand(3 * views, 15**2, 1, generator=generator)
    fov, distance = math.radians(35.0), 2.6

    def render(fused: bool) -> list[torch.Tensor]:
        monkeypatch.setattr(volume, "can_fuse", lambda *_: fused)
        planes, logits, *view = [
            value.clone().requires_grad_() for value in (case.tensors[0], case.tensors[4], *angles)
        ]
        shown = volume.render_features(
            TriplaneField(planes, case.head, 1 / 8, logits),
            look_at_origin(*view, distance),
            fov,
            15,
            11,
            feature_samples_per_ray=3,
            jitter=jitter,
            views_per_object=views,
            max_rays=volume.max_rays_in_cube(fov, distance, 15),
        )
        loss = (shown.mask.square()[..., None] * (1 + shown.features).square()).sum()
        gradients = torch.autograd.grad(loss, [planes, logits, *view, *case.head.parameters()])
        return [shown.mask, shown.mask[..., None] * shown.features, *gradients]

    for found, expected in zip(render(True), render(False), strict=True):
        assert expected.abs().max() > 1e-3
        assert relative_error(found, expected) < 1e-4


def test_autocast_changes_nothing():
    case = random_case(8).to(torch.float32)
    plain = case.marched(march_rays_fused, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(case.marched(march_rays_fused, 4).features, plain.features)


def test_heads_of_another_structure_are_not_fused():
    case = random_case(8).to(torch.float32)
    case.head.to_features = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6))
    assert not can_fuse(case.field, case.tensors[1])


def test_oblong_planes_are_not_fused():
    case = random_case(8)
    field = TriplaneField(case.tensors[0][..., :4, :], case.head, 1 / 8)
    assert not can_fuse(field, case.tensors[1])
