"""Mirror symmetry in x of decoded fields, for each setting."""

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
    ("triplane", "none"): (False, False),  # one feature is decoded into both
    ("triplane", "features"): (True, True),
    ("triplane", "field"): (True, True),
}


def decoded(representation, symmetry):
    """Fields of a decoder with perturbed parameters, in double precision."""
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
    """Largest difference in standard deviations."""
    return ((values - mirrored).abs().max() / values.std()).item()


@pytest.mark.parametrize(("case", "even"), SYMMETRIC.items(), ids=[f"{r}-{s}" for r, s in SYMMETRIC])
def test_fields_are_even_in_x_where_configured(case, even):
    with torch.no_grad():
        field = decoded(*case)
        points = torch.rand(2, 500, 3, dtype=torch.float64) - 0.5
        mirrored = points * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
        there, here = sample(field, points), sample(field, mirrored)
    for values, images, is_even in zip(there, here, even, strict=True):
        assert (asymmetry(values, images) < 1e-12) if is_even else (asymmetry(values, images) > 0.1)


@pytest.mark.parametrize("axis", [1, 2], ids=["y", "z"])
@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_fields_are_not_even_in_y_or_z(representation, axis):
    with torch.no_grad():
        field = decoded(representation, "field")
        points = torch.rand(2, 500, 3, dtype=torch.float64) - 0.5
        signs = torch.ones(3, dtype=torch.float64)
        signs[axis] = -1.0
        for values, images in zip(sample(field, points), sample(field, points * signs), strict=True):
            assert asymmetry(values, images) > 0.1


@pytest.mark.parametrize("representation", ["voxel", "se3"])
def test_grids_are_bitwise_symmetric(representation):
    field = decoded(representation, "field")
    for grid in (field.occupancy_grid, field.feature_grid):
        assert torch.equal(grid, grid.flip(-1))
    field = decoded(representation, "features")
    assert torch.equal(field.feature_grid, field.feature_grid.flip(-1))
    assert not torch.allclose(field.occupancy_grid, field.occupancy_grid.flip(-1), atol=1e-3)


@pytest.mark.parametrize("symmetry", ["features", "field"])
def test_planes_along_x_are_bitwise_symmetric(symmetry):
    planes = decoded("triplane", symmetry).planes
    assert torch.equal(planes[:, :2], planes[:, :2].flip(-1))
    assert not torch.allclose(planes[:, 2], planes[:, 2].flip(-1), atol=1e-3)
