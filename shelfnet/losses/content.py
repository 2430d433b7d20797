"""L_content (Eq. 8): a render, encoded again, must give back the view and the latent that made it."""

import cmath
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from shelfnet.config.render import ViewPrior
from shelfnet.networks.encoder import Encoding


@dataclass(frozen=True)
class ContentTerms:
    """L_content's parts, a number an image."""

    view: Float[Tensor, "b"]
    latent: Float[Tensor, "b"]
    choice: Float[Tensor, "b"]


def content_terms(
    encoding: Encoding,
    azimuth: Float[Tensor, "b"],
    elevation: Float[Tensor, "b"],
    latent: Float[Tensor, "b d"],
) -> ContentTerms:
    """Distance between what made a render and what the encoder sees in it.

    With several hypotheses of the view, the nearest is compared, and the encoder must name it.

    Args:
        encoding: of the render.
        azimuth: radians, of the render's camera; compared as (sin, cos), so that +-180 degrees meet.
        elevation: radians.
        latent: of the images whose objects the renders show, in full, though training decodes a share of it alone
            while that rises: a target of that share would teach the encoder latents that shrink from one encoding to
            the next.
    """
    error = view_error(encoding.view_azimuths, encoding.view_elevations, azimuth[:, None], elevation[:, None])
    nearest = error.detach().argmin(dim=1)
    return ContentTerms(
        view=Encoding.at(error, nearest),
        latent=(encoding.latent - latent).square().mean(dim=1),
        choice=choice_loss(encoding.view_logits, nearest),
    )


def view_error(
    azimuth: Float[Tensor, "b k"],
    elevation: Float[Tensor, "b k"],
    true_azimuth: Float[Tensor, "b 1"],
    true_elevation: Float[Tensor, "b 1"],
) -> Float[Tensor, "b k"]:
    """Squared distance of azimuths as (sin, cos), 2 - 2 cos of their difference, plus that of elevations in radians."""
    return 2.0 - 2.0 * torch.cos(azimuth - true_azimuth) + (elevation - true_elevation).square()


def choice_loss(logits: Float[Tensor, "b k"], index: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
    """Cross entropy of the chosen hypothesis; 0 where there is only one."""
    return functional.cross_entropy(logits, index, reduction="none")


def pose_prior_loss(azimuth: Float[Tensor, "b"], prior: ViewPrior) -> Float[Tensor, ""]:
    """Squared distance of a batch's first two circular moments from those of p(v).

    Even for views drawn from p(v) it is not zero, but has the expected value of the sum over k = 1, 2 of
    ``(1 - abs(m_k)^2) / b``, where m_k are the prior's moments. For a uniform prior it is 2 if all views are equal.
    Elevations need no such loss: the encoder keeps them in their range.

    Args:
        azimuth: radians, of the predicted views.
        prior: p(v).
    """
    loss = azimuth.new_zeros(())
    for order in (1, 2):
        expected = prior_azimuth_moment(prior, order)
        loss = loss + (torch.cos(order * azimuth).mean() - expected.real).square()
        loss = loss + (torch.sin(order * azimuth).mean() - expected.imag).square()
    return loss


def prior_azimuth_moment(prior: ViewPrior, order: int) -> complex:
    """E[exp(i order azimuth)] of views from p(v), whose azimuth is uniform in its range.

    Args:
        prior: p(v).
        order: 1 or more.
    """
    middle = 0.5 * order * math.radians(prior.azimuth_max_deg + prior.azimuth_min_deg)
    half_range = 0.5 * order * math.radians(prior.azimuth_max_deg - prior.azimuth_min_deg)
    return cmath.rect(math.sin(half_range) / half_range, middle)
