"""One iteration, as a table of phases: the generator, the discriminator, and its lazy R1 penalty."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shelfnet.config.supervision import LossSettings
from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, generator_loss, r1_penalty
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.augment import augment
from shelfnet.training.batches import Batch
from shelfnet.training.learner import Learner
from shelfnet.training.seams import add
from shelfnet.training.sight import Sight, look
from shelfnet.training.terms import Scalars, caption_term, health, reconstruction_terms, view_terms


@dataclass(frozen=True)
class Forward:
    """What the generator made of a batch, kept for the phases that follow it; cut from what made it."""

    batch: Batch
    at_view: Rendering
    at_novel_view: Rendering


@dataclass(frozen=True)
class Phase:
    """A part of the iteration that runs every ``every`` iterations."""

    name: str
    every: int
    run: Callable[[Learner, Forward], Scalars]


def discriminator_phases(learner: Learner) -> tuple[Phase, ...]:
    """The phases that follow the generator's, as the settings ask for them."""
    train, losses = learner.config.train, learner.config.losses
    phases = [Phase("discriminator", train.discriminator_every, discriminator_phase)]
    if losses.r1_gamma > 0:
        phases.append(Phase("r1", train.r1_every, r1_phase))
    return tuple(phases) if losses.adversarial > 0 else ()


def generator_phase(learner: Learner, batch: Batch) -> tuple[Forward, Scalars]:
    """A step of encoder, decoder and renderer on the weighted sum of Eq. 9.

    Adversarial gradients reach the decoder alone; content gradients the encoder alone, since the renders that are
    encoded again are cut from the decoder.
    """
    seen = look(learner, batch)
    terms = reconstruction_terms(learner, seen, batch) | view_terms(learner, seen) | caption_term(learner, seen, batch)
    adversarial = _adversarial_term(learner, seen) if learner.config.losses.adversarial > 0 else None
    _step_generator(learner, seen, terms, adversarial)
    return Forward(batch, seen.at_view.detach(), seen.at_novel_view.detach()), terms | health(learner, seen)


def discriminator_phase(learner: Learner, forward: Forward) -> Scalars:
    """A step of D on real images and on both renders (Eq. 7).

    The loss bears no weight: ``losses.adversarial`` is the generator's, and Adam's steps do not depend on the scale.
    """
    real = Rendering(forward.batch.targets, forward.batch.masks)
    real, at_view, at_novel = _judge(learner, real, forward.at_view, forward.at_novel_view)
    loss = discriminator_loss(real, at_view, at_novel)
    _step_discriminator(learner, loss)
    fake = torch.cat([at_view, at_novel]).detach()
    return {
        "discriminator": loss.detach(),
        "health/discriminator_accuracy": discriminator_accuracy(real.detach(), fake),
    }


def r1_phase(learner: Learner, forward: Forward) -> Scalars:
    """The lazy gradient penalty of StyleGAN2 on real images, in a step of its own.

    It stands for the steps of D from this iteration up to the next penalty, ``r1_every / discriminator_every`` of them
    (in the mean, where that is no whole number), and is weighted by as many times ``r1_gamma``: so ``r1_gamma`` is the
    weight of R1 beside D's own loss in each of them, as in StyleGAN2.
    """
    real = forward.batch.targets.detach().requires_grad_(True)
    # As it is written, not compiled: torch's compiler knows no gradients of gradients.
    logits = learner.discriminator.forward(real, forward.batch.masks)
    penalty = r1_penalty(logits, real)
    train, losses = learner.config.train, learner.config.losses
    discriminator_steps = train.r1_every / train.discriminator_every
    _step_discriminator(learner, losses.r1_gamma * discriminator_steps * penalty)
    return {"r1": penalty.detach()}


def _adversarial_term(learner: Learner, seen: Sight) -> Tensor:
    with _frozen(learner.discriminator):
        return generator_loss(*_judge(learner, seen.at_view, seen.at_novel_view))


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Inside, nothing is prepared for gradients of the network's weights, which a compiled one would calculate."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _judge(learner: Learner, *renderings: Rendering) -> list[Tensor]:
    """Logits of several batches of one size, judged in one pass: D knows no statistics of a batch."""
    images, masks = torch.cat([p.image for p in renderings]), torch.cat([p.mask for p in renderings])
    if learner.config.model.discriminator.augment:
        images, masks = augment(images, masks, learner.rng)
    with learner.autocast():
        logits = learner.discriminator(images, masks)
    return list(at_least_float32(logits).chunk(len(renderings)))


def _step_generator(learner: Learner, seen: Sight, terms: Scalars, adversarial: Tensor | None) -> None:
    """A step on all terms; they are cut from what made them, and joined by ``adversarial`` and the ``total``."""
    weights = learner.config.losses
    learner.generator_optimiser.zero_grad(set_to_none=True)
    foreign = None if adversarial is None else weights.adversarial * adversarial
    _backward(learner, seen, _weighted_sum(terms, weights), foreign)
    learner.share.average_gradients(learner.model)
    learner.generator_optimiser.step()
    if adversarial is not None:
        terms["adversarial"] = adversarial
    for name, value in terms.items():
        terms[name] = value.detach()
    terms["total"] = _weighted_sum(terms, weights)


def _weighted_sum(terms: Scalars, weights: LossSettings) -> Tensor:
    """Of the terms that have a weight (Eq. 9)."""
    weighted = {name: getattr(weights, name) for name in terms if name in type(weights).model_fields}
    return torch.stack([weight * terms[name] for name, weight in weighted.items()]).sum()


def _backward(learner: Learner, seen: Sight, total: Tensor, adversarial: Tensor | None) -> None:
    """Gradients of the sum of Eq. 9: those of ``adversarial`` for the decoder alone, those of ``total`` for all.

    Both wait where the graph is cut. The decoder's weights see them in one pass, as a sum; what goes on to the encoder
    is asked for without the weights; and the encoder sees all that concerns it in one pass.
    """
    decoder = learner.model.decoder_parameters()
    foreign: list[Tensor | None] = []
    if adversarial is not None:
        torch.autograd.backward(adversarial, inputs=[*seen.decoded.leaves(), *decoder], retain_graph=True)
        foreign = seen.decoded.take()
    total.backward()
    own, latent = seen.decoded.take(), [seen.encoding.latent]
    if adversarial is None:
        seen.decoded.pass_on(own, inputs=[*decoder, *latent])
    else:
        seen.decoded.pass_on(add(own, foreign), inputs=decoder, keep=True)
        seen.decoded.pass_on(own, inputs=latent)
    seen.encoded.pass_on(seen.encoded.take())


def _step_discriminator(learner: Learner, loss: Tensor) -> None:
    learner.discriminator_optimiser.zero_grad(set_to_none=True)
    loss.backward()
    learner.share.average_gradients(learner.discriminator)
    learner.discriminator_optimiser.step()
