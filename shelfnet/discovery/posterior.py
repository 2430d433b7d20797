"""E-step: posterior probabilities of shapes and views given images."""

import math

from jaxtyping import Float
from torch import Tensor

SINKHORN_ITERATIONS = 6


def squared_distances(
    images: Float[Tensor, "n 4 p p"], renders: Float[Tensor, "m 4 p p"], channel_weights: Float[Tensor, "1 4 1 1"]
) -> Float[Tensor, "n m"]:
    """Weighted squared distance per pixel of every image from every render, as one matrix product."""
    scale = channel_weights.sqrt()
    a, b = (images * scale).flatten(1), (renders * scale).flatten(1)
    squared = a.square().sum(dim=1, keepdim=True) + b.square().sum(dim=1) - 2.0 * a @ b.T
    return squared / images.shape[-1] ** 2


def fit_view_potentials(distances: Float[Tensor, "n m"], temperature: float, views: int) -> Float[Tensor, "v"]:
    """Potentials of the views with which the mean posterior over views is the uniform prior (Sinkhorn's algorithm).

    Without them, a few views explain most images, and the shapes adapt to that.

    Args:
        distances: Distances of images from the renders of all shapes, where the views of one shape are adjacent.
        temperature: Squared distance at which the likelihood falls by a factor e.
        views: Number of views.
    """
    # The potentials are of views alone, so the likelihoods of a view are summed over the shapes once.
    log_likelihood = (-distances / temperature).unflatten(1, (-1, views)).logsumexp(dim=1)
    potentials = distances.new_zeros(views)
    for _ in range(SINKHORN_ITERATIONS):
        log_posterior = log_posterior_of(log_likelihood, potentials)
        potentials = potentials - log_posterior.logsumexp(dim=0) + math.log(len(distances) / views)
    return potentials


def log_posterior_of(log_likelihood: Float[Tensor, "n m"], potentials: Float[Tensor, "v"]) -> Float[Tensor, "n m"]:
    """Log posterior over all pairs of shape and view, with the potential of each view added to the log likelihood."""
    summed = log_likelihood + potentials.repeat(log_likelihood.shape[1] // len(potentials))
    return summed - summed.logsumexp(dim=1, keepdim=True)


def posterior(distances: Float[Tensor, "n m"], temperature: float, views: int) -> Float[Tensor, "n m"]:
    """Posterior over pairs of shape and view under the uniform view prior.

    Args:
        distances: Distances of images from the renders of all shapes, where the views of one shape are adjacent.
        temperature: Squared distance at which the likelihood falls by a factor e.
        views: Number of views.
    """
    potentials = fit_view_potentials(distances, temperature, views)
    return log_posterior_of(-distances / temperature, potentials).exp()
