"""What a decoder makes is mirror-symmetric in x as far as its settings say, exactly, and no further."""

import pytest
import torch

from shelfnet.config.networks import DecoderSettings
from shelfnet.networks.decoders import build_decoder

SETTINGS = DecoderSettings(
    base_channels=8,
    feature_channels=4,
    feature_resolution=8,
    occupancy_resolution=16,
    plane_channels=4,
    plane_resolution=8,
    plane_hidden=8,
    se3_multiplicities=(4, 2, 1),
)
LATENT_DIM = 6

SYMMETRIC = {  # representation and symmetry: whether occupancy and features are even in x
    ("voxel", "none"): (False, False),
    ("voxel", "features"): (False, True),
    ("voxel", "field"): (True, True),
    ("se3", "none"): (False, False),
    ("se3", "features"): (False, True),
    ("se3", "field"): (True, True),
    ("triplane", "none"): (False, False),  # one feature makes both: they are symmetric together
    ("triplane", "features"): (True, True),
    ("triplane", "field"): (True, True),
}


def decoded(representation, symmetry):
    """Objects of a decoder whose every weight is away from where it starts, in double precision."""
    torch.manual_seed(0)
    settings = SETTINGS.model_copy(update={"representation": representation, "symmetry": symmetry})
    decoder = build_decoder(settings, LATENT_DIM).double()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        return decoder(torch.randn(2, LATENT_DIM, dtype=torch.float64))


def sample(field, points):
    return field.occupancy(points), field.features(points)


def asymmetry(values, mirrored):
    """Largest difference, in deviations of the values."""
    return ((values - mirrored).abs().max() / values.std()).item()


@pytest.mark.parametrize(("asked", "even"), SYMMETRIC.items(), ids=[f"{r}-{s}" for r, s in SYMMETRIC])
def test_points_and_their_mirror_images_are_alike_as_far_as_asked(asked, even):
    with torch.no_grad():
        field = decoded(*asked)
        points = torch.rand(2, 500, 3, dtype=torch.float64) - 0.5
        mirrored = points * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
        there, here = sample(field, points), sample(field, mirrored)
    for values, images, is_even in zip(there, here, even, strict=True):
        assert (asymmetry(values, images) < 1e-12) if is_even else (asymmetry(values, images) > 0.1)


@pytest.mark.parametrize("axis", [1, 2], ids=["y", "z"])
@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_no_other_axis_is_mirrored(representation, axis):
    with torch.no_grad():
        field = decoded(representation, "field")
        points = torch.rand(2, 500, 3, dtype=torch.float64) - 0.5
        signs = torch.ones(3, dtype=torch.float64)
        signs[axis] = -1.0
        for values, images in zip(sample(field, points), sample(field, points * signs), strict=True):
            assert asymmetry(values, images) > 0.1


@pytest.mark.parametrize("representation", ["voxel", "se3"])
def test_grids_are_their_own_mirror_images_to_the_last_bit(representation):
    field = decoded(representation, "field")
    for grid in (field.occupancy_grid, field.feature_grid):
        assert torch.equal(grid, grid.flip(-1))
    field = decoded(representation, "features")
    assert torch.equal(field.feature_grid, field.feature_grid.flip(-1))
    assert not torch.allclose(field.occupancy_grid, field.occupancy_grid.flip(-1), atol=1e-3)


@pytest.mark.parametrize("symmetry", ["features", "field"])
def test_the_planes_that_run_along_x_are_their_own_mirror_images_to_the_last_bit(symmetry):
    planes = decoded("triplane", symmetry).planes
    assert torch.equal(planes[:, :2], planes[:, :2].flip(-1))
    assert not torch.allclose(planes[:, 2], planes[:, 2].flip(-1), atol=1e-3)
