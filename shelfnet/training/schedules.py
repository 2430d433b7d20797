"""Schedules over the iterations of a run: learning rate, render size, scale of the latents and given views."""

from shelfnet.config.train import TrainSettings


def learning_rate(settings: TrainSettings, iteration: int) -> float:
    """Constant for ``constant_iterations``, then linear to zero at the last iteration."""
    decaying = max(settings.iterations - settings.constant_iterations, 1)
    factor = min(1.0, (settings.iterations - iteration) / decaying)
    return settings.learning_rate * max(factor, 0.0)


def render_px(settings: TrainSettings, full_px: int, iteration: int) -> int:
    """Side of the renders: ``coarse_px`` for the first iterations, which find the rough shape, then ``full_px``."""
    return settings.coarse_px if iteration < settings.coarse_iterations else full_px


def smallest_render_px(settings: TrainSettings, full_px: int) -> int:
    """Smallest side of the renders of a run."""
    return min(settings.coarse_px, full_px) if settings.coarse_iterations > 0 else full_px


def latent_scale(settings: TrainSettings, iteration: int) -> float:
    """Factor of the latents before they are decoded, in [0, 1]; 1 for a finished model.

    At zero, all images decode to one shared shape, so that only their views can explain their differences. The factor
    then rises linearly over ``latent_ramp_iterations``.
    """
    if iteration >= settings.iterations:
        return 1.0
    ramped = iteration - settings.shared_shape_iterations
    if ramped < 0:
        return 0.0
    return min(1.0, ramped / settings.latent_ramp_iterations) if settings.latent_ramp_iterations > 0 else 1.0


def is_due(iteration: int, every: int, last: int) -> bool:
    """Whether something that happens every so many iterations, and at the last one, happens after ``iteration``."""
    return iteration % every == 0 or iteration == last


def views_are_given(settings: TrainSettings, iteration: int) -> bool:
    """Whether trusted images are rendered at the views that discovery found instead of predicted ones."""
    warm_start = settings.warm_start
    return warm_start.enabled and iteration < warm_start.given_view_fraction * settings.iterations
