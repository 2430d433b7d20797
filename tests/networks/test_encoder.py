"""Latent and view heads of the encoder."""

import math

import pytest
import torch

from shelfnet.config.networks import EncoderSettings
from shelfnet.config.render import ViewPrior
from shelfnet.networks.encoder import Encoder, Encoding, ViewHead, resize

PRIOR = ViewPrior(elevation_min_deg=-5.0, elevation_max_deg=30.0)
FEATURES = torch.randn(4000, 12, generator=torch.Generator().manual_seed(0))
SATURATING = 50.0 * FEATURES


def view_head(hypotheses: int) -> ViewHead:
    torch.manual_seed(0)
    head = ViewHead(12, hypotheses, PRIOR)
    with torch.no_grad():
        head.out.weight.normal_()
    return head


def encoder(hypotheses: int, input_px: int = 32) -> Encoder:
    torch.manual_seed(0)
    settings = EncoderSettings(
        input_px=input_px, blocks=(1, 1), widths=(8, 16), latent_dim=6, camera_hypotheses=hypotheses
    )
    return Encoder(settings, PRIOR)


@pytest.mark.parametrize("hypotheses", [1, 4])
@pytest.mark.parametrize(("input_px", "image_px"), [(32, 32), (32, 20), (128, 48)], ids=["same", "grow", "large stem"])
def test_encoding_has_one_row_per_image(hypotheses, input_px, image_px):
    encoding = encoder(hypotheses, input_px)(torch.rand(3, 3, image_px, image_px))
    assert encoding.latent.shape == (3, 6)
    for values in (encoding.view_azimuths, encoding.view_elevations, encoding.view_logits):
        assert values.shape == (3, hypotheses)
    assert encoding.azimuth.shape == encoding.elevation.shape == (3,)


@pytest.mark.parametrize("hypotheses", [2, 4, 7])
def test_each_hypothesis_stays_in_its_sector_and_fills_it(hypotheses):
    azimuths, _, _ = view_head(hypotheses)(SATURATING)
    half_sector = ViewHead.SECTOR_OVERLAP * math.pi / hypotheses
    offsets = azimuths - torch.arange(hypotheses) * (2 * math.pi / hypotheses)
    assert offsets.abs().max() <= half_sector * (1 + 1e-6)
    assert offsets.amax(dim=0).min() > 0.95 * half_sector and offsets.amin(dim=0).max() < -0.95 * half_sector


def test_sectors_overlap_and_cover_the_circle():
    azimuths, _, _ = view_head(4)(0.3 * FEATURES)
    degrees = torch.rad2deg(azimuths).remainder(360.0).flatten()
    assert torch.histc(degrees, bins=36, min=0.0, max=360.0).min() > 0


def test_a_single_azimuth_reaches_all_directions():
    azimuths, _, logits = view_head(1)(FEATURES)
    assert torch.histc(azimuths, bins=36, min=-math.pi, max=math.pi).min() > 0
    assert logits.shape == azimuths.shape


def test_a_single_azimuth_is_continuous_across_the_back():
    head = view_head(1)
    with torch.no_grad():
        head.body[0].weight.zero_()
        head.out.weight.zero_()
        for y in (1e-3, -1e-3):
            head.out.bias.copy_(torch.tensor([-1.0, y, 0.0, 0.0]))
            azimuth, _, _ = head(torch.zeros(1, 12))
            assert azimuth.item() == pytest.approx(math.copysign(math.pi - 1e-3, y), abs=1e-5)


@pytest.mark.parametrize("hypotheses", [1, 4])
def test_elevations_fill_the_range_of_the_prior(hypotheses):
    _, elevations, _ = view_head(hypotheses)(SATURATING)
    low, high = math.radians(PRIOR.elevation_min_deg), math.radians(PRIOR.elevation_max_deg)
    assert low - 1e-6 <= elevations.min() < low + 0.01
    assert high - 0.01 < elevations.max() <= high + 1e-6


@pytest.mark.parametrize("hypotheses", [1, 4])
def test_gradients_reach_every_parameter_and_the_image(hypotheses):
    network, images = encoder(hypotheses), torch.rand(2, 3, 32, 32, requires_grad=True)
    encoding = network(images)
    outputs = (encoding.latent, encoding.view_azimuths, encoding.view_elevations, encoding.view_logits)
    sum(output.square().sum() for output in outputs).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert images.grad.abs().sum() > 0


def test_images_of_a_batch_are_independent():
    network, images = encoder(4).eval(), torch.rand(3, 3, 32, 32)
    together, alone = network(images), network(images[1:2])
    torch.testing.assert_close(together.latent[1:2], alone.latent)
    torch.testing.assert_close(together.view_azimuths[1:2], alone.view_azimuths)


def test_encoding_selects_one_hypothesis_per_image():
    azimuths = torch.tensor([[0.1, 0.2, 0.3], [1.1, 1.2, 1.3]])
    logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert Encoding.at(azimuths, torch.tensor([2, 1])).tolist() == pytest.approx([0.3, 1.2])
    encoding = Encoding(torch.zeros(2, 4), azimuths, -azimuths, logits)
    assert encoding.azimuth.tolist() == pytest.approx([0.2, 1.1])
    assert encoding.elevation.tolist() == pytest.approx([-0.2, -1.1])


def test_resize_antialiases_when_shrinking_and_keeps_equal_sizes():
    impulse = torch.zeros(1, 1, 8, 8)
    impulse[..., 0, 0] = 1.0  # without antialiasing, no output pixel would depend on it
    assert resize(impulse, 8) is impulse
    assert resize(impulse, 2)[0, 0, 0, 0] > 0.01
    assert resize(impulse, 16).shape == (1, 1, 16, 16)
