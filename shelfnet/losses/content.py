"""L_content (Eq. 8): a render, encoded again, must give back the view and the latent that made it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from shelfnet.networks.encoder import Encoding


@dataclass(frozen=True)
class ContentTerms:
    """L_content's parts, a number a picture."""

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
        latent: that the field was decoded from.
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


def pose_prior_loss(azimuth: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    """Squared first two circular moments of a batch of azimuths: small for the uniform prior, 2 at collapse."""
    moments = [torch.cos(azimuth), torch.sin(azimuth), torch.cos(2 * azimuth), torch.sin(2 * azimuth)]
    return torch.stack(moments).mean(dim=1).square().sum()
