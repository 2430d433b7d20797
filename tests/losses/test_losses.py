"""Losses of Eq. 4 to 8 and 11 on hand-computed cases."""

import math

import pytest
import torch
from torch import nn
from torchvision.models import alexnet

from shelfnet.config.render import ViewPrior
from shelfnet.config.supervision import PerceptualSettings
from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, generator_loss, r1_penalty
from shelfnet.losses.backgrounds import BACKGROUNDS, composite_over_backgrounds
from shelfnet.losses.clip import cosine_loss
from shelfnet.losses.content import content_terms, pose_prior_loss, prior_azimuth_moment, view_error
from shelfnet.losses.perceptual import PerceptualLoss
from shelfnet.losses.reconstruction import kl_loss, mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding


def test_rgb_loss_is_the_mean_absolute_difference():
    first = torch.zeros(2, 3, 4, 4)
    second = first.clone()
    second[1, 0] = 0.6
    assert rgb_loss(first, second).tolist() == pytest.approx([0.0, 0.2])


def test_mask_loss_of_equal_soft_masks_is_zero():
    mask = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert mask_loss(mask, mask).abs().max() < 1e-6
    assert mask_loss(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)).item() == pytest.approx(0.0)


def test_mask_loss_of_half_overlapping_squares():
    first, second = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    first[0, :, :2], second[0, :, 1:3] = 1, 1
    assert mask_loss(first, second).item() == pytest.approx(2 / 3, abs=1e-4)


def test_kl_loss_of_a_unit_variance_posterior():
    assert kl_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == pytest.approx([6.25, 0.0])


def test_adversarial_losses_for_undecided_and_certain_logits():
    draw, sure = torch.zeros(4, 2), torch.full((4, 2), 30.0)
    assert discriminator_loss(draw, draw, draw).item() == pytest.approx(2 * math.log(2), rel=1e-5)
    assert discriminator_loss(sure, -sure, -sure).item() == pytest.approx(0.0, abs=1e-6)
    assert generator_loss(-sure, sure).item() == pytest.approx(15.0, rel=1e-5)
    assert discriminator_accuracy(sure, sure).item() == pytest.approx(0.5)
    assert discriminator_accuracy(sure, -sure).item() == pytest.approx(1.0)


def test_r1_penalty_of_a_linear_critic():
    values = torch.randn(3, 1, 2, 2, requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 0.0, 2.0])
    logits = (values.flatten(1) @ weight)[:, None]
    assert r1_penalty(logits, values).item() == pytest.approx(4.5)


def encoding(azimuths, elevations, logits=None, latent=None) -> Encoding:
    azimuths = torch.tensor(azimuths)
    return Encoding(
        torch.zeros(len(azimuths), 2) if latent is None else latent,
        azimuths,
        torch.tensor(elevations),
        torch.zeros_like(azimuths) if logits is None else torch.tensor(logits),
    )


def test_content_is_zero_at_consistency_but_for_the_choice():
    seen = encoding([[0.3, 2.0]], [[0.1, 0.0]], logits=[[50.0, 0.0]])
    terms = content_terms(seen, torch.tensor([0.3]), torch.tensor([0.1]), torch.zeros(1, 2))
    assert (terms.view.item(), terms.latent.item(), terms.choice.item()) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)


def test_content_terms_use_the_nearest_hypothesis():
    seen = encoding([[0.0, math.pi]], [[0.0, 0.0]])
    terms = content_terms(seen, torch.tensor([math.pi - 0.1]), torch.tensor([0.2]), torch.ones(1, 2))
    assert terms.view.item() == pytest.approx(2 - 2 * math.cos(0.1) + 0.04, abs=1e-5)
    assert terms.choice.item() == pytest.approx(math.log(2), rel=1e-5)
    assert terms.latent.item() == pytest.approx(1.0)


def test_view_error_is_continuous_across_the_back():
    zero = torch.zeros(1, 1)
    near = view_error(torch.tensor([[math.pi - 0.01]]), zero, torch.tensor([[-math.pi + 0.01]]), zero)
    assert near.item() == pytest.approx(2 - 2 * math.cos(0.02), abs=1e-6)


def test_pose_prior_loss_of_equal_and_of_uniform_views():
    assert pose_prior_loss(torch.full((16,), 0.7), ViewPrior()).item() == pytest.approx(2.0, rel=1e-5)
    uniform = torch.arange(16) * (2 * math.pi / 16)
    assert pose_prior_loss(uniform, ViewPrior()).item() == pytest.approx(0.0, abs=1e-6)


def test_prior_azimuth_moments_of_a_quarter_circle():
    quarter = ViewPrior(azimuth_min_deg=0.0, azimuth_max_deg=90.0)  # the mean of cos over it is 2 / pi, as that of sin
    assert prior_azimuth_moment(quarter, 1) == pytest.approx(complex(2 / math.pi, 2 / math.pi))
    assert prior_azimuth_moment(quarter, 2) == pytest.approx(complex(0.0, 2 / math.pi))
    assert abs(prior_azimuth_moment(ViewPrior(), 1)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("low_deg", "high_deg"), [(-60.0, 60.0), (10.0, 100.0), (-180.0, 90.0)])
@pytest.mark.parametrize("turn_deg", [-30.0, 45.0, 180.0])
def test_pose_prior_loss_is_positive_outside_the_prior(low_deg, high_deg, turn_deg):
    prior = ViewPrior(azimuth_min_deg=low_deg, azimuth_max_deg=high_deg)
    azimuth = torch.deg2rad(torch.linspace(low_deg, high_deg, 720) + turn_deg)
    assert pose_prior_loss(azimuth, prior).item() > 0.04


@pytest.mark.parametrize(("low_deg", "high_deg"), [(-180.0, 180.0), (-60.0, 60.0), (10.0, 100.0), (-180.0, 90.0)])
def test_pose_prior_loss_of_prior_views_has_the_stated_mean(low_deg, high_deg):
    prior = ViewPrior(azimuth_min_deg=low_deg, azimuth_max_deg=high_deg)
    evenly = torch.deg2rad(low_deg + (high_deg - low_deg) * (torch.arange(720).double() + 0.5) / 720)
    assert pose_prior_loss(evenly, prior).item() == pytest.approx(0.0, abs=1e-9)
    drawn = evenly[torch.randint(720, (4000, 8), generator=torch.Generator().manual_seed(0))]
    expected = sum(1.0 - abs(prior_azimuth_moment(prior, order)) ** 2 for order in (1, 2)) / 8
    losses = torch.stack([pose_prior_loss(batch, prior) for batch in drawn])
    standard_error = losses.std().item() / math.sqrt(len(losses))
    assert abs(losses.mean().item() - expected) < 4.0 * standard_error


def test_cosine_loss_is_one_minus_cosine():
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    second = torch.tensor([[5.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert cosine_loss(first, second).tolist() == pytest.approx([0.0, 1.0, 2.0])


def test_perceptual_loss_grows_with_the_difference_and_has_gradients():
    loss = PerceptualLoss(PerceptualSettings(weights="untrained"))
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert loss(image, image).abs().max() == 0.0
    slight, strong = loss(image + 0.02, image).mean(), loss(1.0 - image, image).mean()
    assert 0 < slight < strong
    render = image.clone().requires_grad_(True)
    loss(render, 1.0 - image).sum().backward()
    assert render.grad is not None and render.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def pointwise(*rows: tuple[float, float, float], bias: float = 0.0) -> nn.Conv2d:
    """A 1 x 1 convolution of three channels with the given rows."""
    layer = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows)[..., None, None])
        layer.bias.fill_(bias)
    return layer


def hand_made_perceptual_loss() -> PerceptualLoss:
    """Known features in place of AlexNet's five compared layers."""
    loss = PerceptualLoss(PerceptualSettings(weights="untrained"))
    same, nothing = nn.Identity(), (0.0, 0.0, 0.0)
    loss.features = nn.Sequential(
        *(same, nn.ReLU(), same),  # (a, b, 0)
        *(pointwise((1, -1, 0), (-1, 1, 0), nothing), nn.ReLU(), same),  # a - b and b - a, where positive
        *(pointwise((1, 0, 0), (1, 1, 0), nothing), nn.ReLU()),  # (a, a + b, 0)
        *(pointwise((1, 0, 0), nothing, nothing), nn.ReLU()),  # (a, 0, 0)
        *(pointwise(nothing, nothing, nothing, bias=1.0), nn.ReLU()),  # all the same
    )
    return loss


def coloured_columns(loss: PerceptualLoss, *features: tuple[float, float, float], height: int) -> torch.Tensor:
    """An image whose columns have these values after normalisation."""
    values = torch.tensor(features).T[:, None, :].expand(-1, height, -1)
    return (values * loss.std + loss.mean)[None]


LAYERS_AFTER_THE_FIRST = (2.0, 2.0 - math.sqrt(2.0), 1.0, 0.0)
"""Squared distances between the later layers' unit features of (1, 0, 0) and (0, 1, 0)."""


def test_perceptual_loss_matches_hand_made_features():
    loss = hand_made_perceptual_loss()
    first, second = [(1.0, 0.0, 0.0)] * 80, [(1.0, 0.0, 0.0)] * 60 + [(0.0, 2.0, 0.0)] * 20
    pair = (coloured_columns(loss, *columns, height=80) for columns in (first, second))
    # A quarter of the image differs; the length of its features does not count.
    assert loss(*pair).item() == pytest.approx(0.25 * (2.0 + sum(LAYERS_AFTER_THE_FIRST)) / 5, rel=1e-5)


def test_perceptual_loss_upsamples_small_images_linearly():
    loss = hand_made_perceptual_loss()
    step = coloured_columns(loss, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), height=2)
    plain = coloured_columns(loss, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), height=2)
    # Enlarged to 64 columns, the step is a ramp (1 - t, t, 0), flat beyond the centres of its two pixels.
    ramp = [min(max((column + 0.5) / 32 - 0.5, 0.0), 1.0) for column in range(64)]
    # The layer after it knows only which side of the middle a column is on, and so do those after that.
    first = sum(2.0 - 2.0 * (1.0 - t) / math.hypot(1.0 - t, t) for t in ramp) / 64
    assert loss(step, plain).item() == pytest.approx((first + 0.5 * sum(LAYERS_AFTER_THE_FIRST)) / 5, rel=1e-5)


def test_missing_alexnet_weights_are_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"perceptual\.path"):
        PerceptualLoss(PerceptualSettings(weights="file", path=str(tmp_path / "none.pth")))


def test_alexnet_starts_with_torchvisions_weights_or_those_of_a_file(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = alexnet(weights=None).features.state_dict()
    torch.save({f"features.{name}": value for name, value in expected.items()}, tmp_path / "alexnet.pth")
    for settings in ({"weights": "untrained", "seed": 5}, {"weights": "file", "path": str(tmp_path / "alexnet.pth")}):
        weights = PerceptualLoss(PerceptualSettings(**settings)).features.state_dict()
        assert weights and all(torch.equal(value, expected[name]) for name, value in weights.items())


@pytest.mark.parametrize("kind", sorted(BACKGROUNDS))
def test_backgrounds_do_not_change_the_object(kind):
    images, masks = torch.ones(3, 3, 16, 16), torch.zeros(3, 16, 16)
    images[:, :, 4:12, 4:12], masks[:, 4:12, 4:12] = 0.25, 1.0
    seen = composite_over_backgrounds(images, masks, (kind, kind), torch.Generator().manual_seed(0))
    assert torch.equal(seen[:, :, 4:12, 4:12], images[:, :, 4:12, 4:12])
    assert ((seen >= 0) & (seen <= 1)).all()
    changed = (seen[:, :, :4] != 1.0).any()
    assert changed == (kind != "white")
