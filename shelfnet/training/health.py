"""Figures that show the collapse of a training run early."""

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.render import ViewPrior
from shelfnet.losses.content import prior_azimuth_moment
from shelfnet.training.state import Scalars


def health_figures(
    latent: Float[Tensor, "b d"], azimuth: Float[Tensor, "b"], novel_mask: Float[Tensor, "b h w"], prior: ViewPrior
) -> Scalars:
    """Mask coverage, spread of the predicted azimuths and deviation of the latents of a batch.

    Figures that compare images are left out for a batch of one image.

    Args:
        latent: Latents of the images.
        azimuth: Predicted azimuths in radians.
        novel_mask: Masks of the renders at views from the prior.
        prior: p(v), whose spread is reported next to that of the predictions.
    """
    figures = {"health/mask_coverage": novel_mask.mean()}
    if len(latent) > 1:
        figures["health/azimuth_spread"] = azimuth_spread(azimuth)
        figures["health/azimuth_spread_prior"] = azimuth.new_full((), prior_azimuth_spread(prior))
        figures["health/latent_deviation"] = latent.std(dim=0).mean()
    return figures


def azimuth_spread(azimuth: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    """Mean of 1 - cos of the azimuth difference over all pairs of a batch: 0 if all agree, at most b / (b - 1).

    Its expectation does not depend on the batch size, unlike that of the mean resultant length, so that it compares
    with :func:`prior_azimuth_spread`.

    Args:
        azimuth: Radians, of two or more images.
    """
    n_images = len(azimuth)
    squared_resultant = torch.cos(azimuth).mean().square() + torch.sin(azimuth).mean().square()
    return (1.0 - squared_resultant) * (n_images / (n_images - 1))


def prior_azimuth_spread(prior: ViewPrior) -> float:
    """Expectation of :func:`azimuth_spread` under p(v); 1 for a prior that is uniform on the circle."""
    return 1.0 - abs(prior_azimuth_moment(prior, order=1)) ** 2
