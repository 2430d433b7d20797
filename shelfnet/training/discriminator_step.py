"""Optimiser steps of the discriminator: the adversarial loss of Eq. 7 and the lazy R1 penalty."""

from dataclasses import dataclass

import torch
from torch import Tensor

from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, r1_penalty
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.augment import augment
from shelfnet.training.batches import Batch
from shelfnet.training.context import TrainContext
from shelfnet.training.state import Scalars, TrainState


@dataclass(frozen=True, eq=False)
class Renders:
    """Detached renders of a generator step, for the discriminator; compared by identity.

    Attributes:
        at_view: Renders at the predicted views.
        at_novel_view: Renders at views from the prior.
    """

    at_view: Rendering
    at_novel_view: Rendering


def discriminator_step(
    state: TrainState, context: TrainContext, batch: Batch, renders: Renders
) -> tuple[Scalars, Renders]:
    """Take a step of D on real images and both renders (Eq. 7).

    The loss has no weight: ``losses.adversarial`` is the generator's, and steps of Adam do not depend on the scale.

    Returns:
        Terms, detached; the same renders, for the phases that follow.
    """
    real = Rendering(batch.targets, batch.masks)
    real, at_view, at_novel = discriminate(state, context, real, renders.at_view, renders.at_novel_view)
    loss = discriminator_loss(real, at_view, at_novel)
    _optimise(state, context, loss)
    fake = torch.cat([at_view, at_novel]).detach()
    terms = {
        "discriminator": loss.detach(),
        "health/discriminator_accuracy": discriminator_accuracy(real.detach(), fake),
    }
    return terms, renders


def r1_step(state: TrainState, context: TrainContext, batch: Batch, renders: Renders) -> tuple[Scalars, Renders]:
    """Take a step of D on the lazy gradient penalty of StyleGAN2 on real images.

    The penalty stands for the ``r1_every / discriminator_every`` steps of D until the next one and is weighted by their
    number, so that ``r1_gamma`` is its weight per step of D, as in StyleGAN2.

    Returns:
        Terms, detached; the same renders, for the phases that follow.
    """
    images = batch.targets.detach().requires_grad_(True)
    # forward() runs the eager network: torch.compile does not support double backward.
    logits = state.discriminator.forward(images, batch.masks)
    penalty = r1_penalty(logits, images)
    train, losses = context.settings.train, context.settings.losses
    discriminator_steps = train.r1_every / train.discriminator_every
    _optimise(state, context, losses.r1_gamma * discriminator_steps * penalty)
    return {"r1": penalty.detach()}, renders


def discriminate(state: TrainState, context: TrainContext, *renderings: Rendering) -> list[Tensor]:
    """Logits of several batches of one size, judged in a single pass, since D has no batch statistics."""
    images = torch.cat([rendering.image for rendering in renderings])
    masks = torch.cat([rendering.mask for rendering in renderings])
    if context.settings.model.discriminator.augment:
        images, masks = augment(images, masks, state.rng)
    with context.autocast():
        logits = state.discriminator(images, masks)
    return list(at_least_float32(logits).chunk(len(renderings)))


def _optimise(state: TrainState, context: TrainContext, loss: Tensor) -> None:
    state.discriminator_optimiser.zero_grad(set_to_none=True)
    loss.backward()
    context.distributed.average_gradients(state.discriminator)
    state.discriminator_optimiser.step()
