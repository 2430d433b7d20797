"""Rendering of images: gradients against finite differences and the pixels of a coloured cube."""

import math

import pytest
import torch
from torch import nn

from shelfnet.config.networks import DecoderSettings, EncoderSettings, ModelSettings, RendererSettings
from shelfnet.config.render import RenderSettings
from shelfnet.networks.decoders import TriplaneHead
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.representations.triplane import TriplaneField
from shelfnet.representations.voxels import VoxelField

CAMERA = RenderSettings(fov_deg=35.0, camera_distance=2.6)


def network(resolution_px: int, samples_per_ray: int, feature_samples: int | None, features: int) -> ShelfNet:
    """A double-precision network; its encoder and decoder are not used."""
    settings = ModelSettings(
        encoder=EncoderSettings(input_px=32, blocks=(1,), widths=(8,), latent_dim=4),
        decoder=DecoderSettings(
            base_channels=4, feature_channels=features, feature_resolution=4, occupancy_resolution=4
        ),
        renderer=RendererSettings(
            resolution_px=resolution_px,
            samples_per_ray=samples_per_ray,
            feature_samples_per_ray=feature_samples,
            colour_hidden=4,
        ),
    )
    torch.manual_seed(0)
    return ShelfNet(settings, CAMERA).double()


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def voxel_field():
    """Tensors of a field and its constructor."""
    occupancy = 0.05 + 0.6 * torch.sigmoid(2 * normal(1, 1, 1, 5, 5, 5))
    return [occupancy, normal(2, 1, 2, 4, 4, 4)], VoxelField


def triplane_field():
    torch.manual_seed(3)
    head = TriplaneHead(DecoderSettings(feature_channels=2, plane_channels=3, plane_hidden=4)).double()
    with torch.no_grad():
        head.to_occupancy[-1].bias.zero_()
    # Finite differences perturb the parameters in place.
    return [normal(4, 1, 3, 3, 5, 5), *head.parameters()], lambda planes, *_: TriplaneField(planes, head, 0.2)


@pytest.mark.parametrize("jittered", [False, True], ids=["middle", "jittered"])
@pytest.mark.parametrize("feature_samples", [None, 3], ids=["all features", "three features"])
@pytest.mark.parametrize("make_field", [voxel_field, triplane_field])
def test_gradients_of_image_and_mask_match_finite_differences(make_field, feature_samples, jittered):
    model = network(8, 7, feature_samples, features=2)
    stored, make = make_field()
    jitter = torch.rand(1, 16, 1, generator=torch.Generator().manual_seed(5)).double() if jittered else None
    view = [torch.tensor([angle], dtype=torch.float64) for angle in (0.4, 0.2)]
    colour = list(model.colour.parameters())
    inputs = [value.detach().requires_grad_() for value in (*stored[:1], *view)]
    inputs += [value.requires_grad_() for value in (*stored[1:], *colour)]

    def rendered(first, azimuth, elevation, *others):
        field = make(first, *others[: len(stored) - 1])
        shown = model.render(field, azimuth, elevation, resolution_px=4, jitter=jitter)
        return shown.image, shown.mask

    image, mask = rendered(*inputs)
    assert 0.1 < mask.max() < 0.999 and image.std() > 0.01
    every = torch.autograd.grad(image.square().sum() + mask.square().sum(), inputs)
    assert all(gradient.abs().max() > 1e-4 for gradient in every)
    assert torch.autograd.gradcheck(rendered, inputs, atol=1e-6, eps=1e-7)


HALF = 0.3
FACES = {  # axis, end and colour
    "right": (0, 1, (1.0, 0.0, 0.0)),
    "top": (1, 1, (0.0, 1.0, 0.0)),
    "front": (2, 1, (0.0, 0.0, 1.0)),
    "left": (0, -1, (0.0, 1.0, 1.0)),
    "bottom": (1, -1, (1.0, 0.0, 1.0)),
    "back": (2, -1, (1.0, 1.0, 0.0)),
}
VIEWS_DEG = {
    (30.0, 20.0): {"front", "right", "top"},
    (215.0, -20.0): {"back", "left", "bottom"},
    (125.0, 25.0): {"back", "right", "top"},
}


def coloured_cube(resolution: int) -> VoxelField:
    """Solid cube in which each cell has the colour of the nearest face."""
    centres = (torch.arange(resolution, dtype=torch.float64) + 0.5) / resolution - 0.5
    z, y, x = torch.meshgrid(centres, centres, centres, indexing="ij")
    at = torch.stack([x, y, z])
    features = torch.zeros(3, *x.shape, dtype=torch.float64)
    for axis, end, colour in FACES.values():
        nearest = (end * at[axis] > 0) & (at[axis].abs() == at.abs().amax(dim=0))
        features[:, nearest] = torch.tensor(colour, dtype=torch.float64)[:, None]
    return VoxelField((at.abs().amax(dim=0) < HALF).double()[None, None], features[None])


def first_hit(azimuth: float, elevation: float, resolution_px: int, half: float) -> torch.Tensor:
    """Where the ray of every pixel first meets the cube: points ``h w 3``, NaN where it passes.

    Written from the conventions alone: the camera stands at (sin a cos e, sin e, cos a cos e), looks at the origin,
    and has +Y up in the image.
    """
    position = CAMERA.camera_distance * torch.tensor(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)],
        dtype=torch.float64,
    )
    forward = -position / position.norm()
    right = torch.linalg.cross(forward, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))
    right = right / right.norm()
    up = torch.linalg.cross(right, forward)
    reach = math.tan(math.radians(CAMERA.fov_deg) / 2)
    across = reach * ((torch.arange(resolution_px, dtype=torch.float64) + 0.5) / resolution_px * 2 - 1)
    directions = forward + across[None, :, None] * right - across[:, None, None] * up
    ends = torch.stack([(-half - position) / directions, (half - position) / directions])
    enter, leave = ends.amin(dim=0).amax(dim=-1), ends.amax(dim=0).amin(dim=-1)
    points = position + enter[..., None] * directions
    return torch.where((enter < leave)[..., None], points, torch.nan)


@pytest.mark.parametrize("feature_samples", [None, 4], ids=["all features", "four features"])
@pytest.mark.parametrize(("view_deg", "seen"), VIEWS_DEG.items())
def test_visible_faces_of_a_cube_have_their_colours(view_deg, seen, feature_samples):
    azimuth, elevation = map(math.radians, view_deg)
    cell, size = 1 / 64, 96
    model = network(size, 192, feature_samples, features=3)
    model.colour = nn.Identity()
    angles = (torch.tensor([angle], dtype=torch.float64) for angle in (azimuth, elevation))
    with torch.no_grad():
        shown = model.render(coloured_cube(64), *angles)
    image = shown.image[0].permute(1, 2, 0)

    beside = first_hit(azimuth, elevation, size, HALF + 2 * cell)[..., 0].isnan()
    assert beside.sum() > 0.3 * size**2
    assert (image[beside] == 1.0).all() and (shown.mask[0][beside] == 0.0).all()

    at = first_hit(azimuth, elevation, size, HALF)
    for name, (axis, end, colour) in FACES.items():
        on_face = (at[..., axis] * end > HALF - 1e-9) & ((at.abs() > HALF - 5 * cell).sum(dim=-1) == 1)
        assert (on_face.sum() > 40) == (name in seen)
        assert ((image[on_face] - torch.tensor(colour, dtype=torch.float64)).abs() < 0.02).all(), name
        assert (shown.mask[0][on_face] > 0.98).all(), name


def test_the_views_cover_all_faces():
    assert set().union(*VIEWS_DEG.values()) == set(FACES)
