"""Content loss L_content (Eq. 8): the encoder recovers view and latent from a render.

Its terms are combined to view + content_latent * latent + content_choice * choice, with the weights of the settings.
"""

import cmath
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from shelfnet.config.render import ViewPrior
from shelfnet.networks.encoder import Encoding


@dataclass(frozen=True)
class ContentTerms:
    """Terms of L_content, one value per render.

    Attributes:
        view: View error of the nearest hypothesis.
        latent: Mean squared error of the latent.
        choice: Cross entropy of the hypothesis classifier against the nearest hypothesis; zero for one hypothesis.
    """

    view: Float[Tensor, "b"]
    latent: Float[Tensor, "b"]
    choice: Float[Tensor, "b"]


def content_terms(
    encoding: Encoding, azimuth: Float[Tensor, "b"], elevation: Float[Tensor, "b"], latent: Float[Tensor, "b d"]
) -> ContentTerms:
    """Compare the encoding of renders with the view and latent that they were rendered from.

    Args:
        encoding: Encoding of the renders.
        azimuth: Camera azimuth of the renders in radians.
        elevation: Camera elevation of the renders in radians.
        latent: Unscaled latents of the rendered objects. While the latent scale is below 1, scaled targets
            would make the latents shrink with every encoding.
    """
    error = view_error(encoding.view_azimuths, encoding.view_elevations, azimuth[:, None], elevation[:, None])
    nearest = error.detach().argmin(dim=1)
    return ContentTerms(
        view=Encoding.at(error, nearest),
        latent=(encoding.latent - latent).square().mean(dim=1),
        choice=functional.cross_entropy(encoding.view_logits, nearest, reduction="none"),
    )


def view_error(
    azimuth: Float[Tensor, "b k"],
    elevation: Float[Tensor, "b k"],
    true_azimuth: Float[Tensor, "b 1"],
    true_elevation: Float[Tensor, "b 1"],
) -> Float[Tensor, "b k"]:
    """Squared distance of azimuths as (sin, cos) plus that of elevations in radians."""
    return 2.0 - 2.0 * torch.cos(azimuth - true_azimuth) + (elevation - true_elevation).square()


def pose_prior_loss(azimuth: Float[Tensor, "b"], prior: ViewPrior) -> Float[Tensor, ""]:
    """Squared distance of the first two circular moments of predicted azimuths from those of p(v).

    For views drawn from p(v) with moments m_k, its expectation is the sum over k = 1, 2 of ``(1 - abs(m_k)^2) / b``.
    For a uniform prior, it is 2 if all views are equal. Elevations need no such loss, because the encoder bounds them.

    Args:
        azimuth: Predicted azimuths in radians.
        prior: View prior p(v).
    """
    loss = azimuth.new_zeros(())
    for order in (1, 2):
        expected = prior_azimuth_moment(prior, order)
        loss = loss + (torch.cos(order * azimuth).mean() - expected.real).square()
        loss = loss + (torch.sin(order * azimuth).mean() - expected.imag).square()
    return loss


def prior_azimuth_moment(prior: ViewPrior, order: int) -> complex:
    """Circular moment E[exp(i order azimuth)] of p(v), whose azimuth is uniform in its range.

    Args:
        prior: View prior p(v).
        order: Order of the moment, at least 1.
    """
    middle = 0.5 * order * math.radians(prior.azimuth_max_deg + prior.azimuth_min_deg)
    half_range = 0.5 * order * math.radians(prior.azimuth_max_deg - prior.azimuth_min_deg)
    return cmath.rect(math.sin(half_range) / half_range, middle)
