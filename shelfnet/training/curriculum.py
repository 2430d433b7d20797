"""What changes in the course of a run: the size of the renders, and how much of its own an object may be."""

from shelfnet.config.networks import RendererSettings
from shelfnet.config.train import TrainSettings


def render_px(train: TrainSettings, renderer: RendererSettings, iteration: int) -> int:
    """Side of the renders at an iteration: small ones find pose and rough shape at a fraction of the price."""
    return train.coarse_px if iteration < train.coarse_iterations else renderer.resolution_px


def smallest_px(train: TrainSettings, renderer: RendererSettings) -> int:
    """Least side of the renders of a run."""
    return min(train.coarse_px, renderer.resolution_px) if train.coarse_iterations > 0 else renderer.resolution_px


def latent_share(train: TrainSettings, iteration: int) -> float:
    """Factor of the latent before it is decoded, in [0, 1]; 1 after the last iteration, of a finished model.

    While it is zero all images show one shape, so that only their views can tell them apart; it then rises linearly.
    """
    if iteration >= train.iterations:
        return 1.0
    risen = iteration - train.shared_shape_iterations
    if risen < 0:
        return 0.0
    return min(1.0, risen / train.latent_ramp_iterations) if train.latent_ramp_iterations > 0 else 1.0
