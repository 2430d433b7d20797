"""One iteration, as a table of phases: the generator, the discriminator, and its lazy R1 penalty."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, generator_loss, r1_penalty
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.augment import augment
from shelfnet.training.batches import Batch
from shelfnet.training.learner import Learner
from shelfnet.training.seams import add
from shelfnet.training.sight import Sight, look
from shelfnet.training.terms import Scalars, caption_term, health, reconstruction_terms, view_terms


class NonFiniteLossError(ArithmeticError):
    """A loss is infinite or not a number; the message names the iteration and the term."""


@dataclass(frozen=True)
class Forward:
    """What the generator made of a batch, kept for the phases that follow it."""

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
    forward = Forward(batch, seen.at_view, seen.at_novel_view)
    terms = reconstruction_terms(learner, seen, batch) | view_terms(learner, seen) | caption_term(learner, seen, batch)
    adversarial = _adversarial_term(learner, forward) if learner.config.losses.adversarial > 0 else None
    _step_generator(learner, seen, terms, adversarial)
    if adversarial is not None:
        terms["adversarial"] = adversarial.detach()
    return forward, terms | health(learner, seen)


def discriminator_phase(learner: Learner, forward: Forward) -> Scalars:
    """A step of D on real pictures and on both renders (Eq. 7)."""
    real = Rendering(forward.batch.targets, forward.batch.masks)
    real, at_view, at_novel = _judge(learner, real, forward.at_view.detach(), forward.at_novel_view.detach())
    loss = discriminator_loss(real, at_view, at_novel)
    _step_discriminator(learner, learner.config.losses.adversarial * loss)
    fake = torch.cat([at_view, at_novel]).detach()
    return {
        "discriminator": loss.detach(),
        "health/discriminator_accuracy": discriminator_accuracy(real.detach(), fake),
    }


def r1_phase(learner: Learner, forward: Forward) -> Scalars:
    """The lazy gradient penalty of StyleGAN2 on real pictures."""
    pictures = forward.batch.targets.detach().requires_grad_(True)
    logits = learner.discriminator(pictures, forward.batch.masks)
    penalty = r1_penalty(logits, pictures)
    _step_discriminator(learner, learner.config.losses.r1_gamma * learner.config.train.r1_every * penalty)
    return {"r1": penalty.detach()}


def check_finite(terms: Scalars, iteration: int) -> None:
    """Stop at the first term that is no finite number.

    Raises:
        NonFiniteLossError: names the iteration and the term.
    """
    for name, value in zip(terms, torch.stack(list(terms.values())).tolist(), strict=True):
        if not math.isfinite(value):
            raise NonFiniteLossError(f"iteration {iteration}: {name} is {value}")


def _adversarial_term(learner: Learner, forward: Forward) -> Tensor:
    return generator_loss(*_judge(learner, forward.at_view, forward.at_novel_view))


def _judge(learner: Learner, *pictures: Rendering) -> list[Tensor]:
    """Logits of several batches of one size, judged in one pass: D knows no statistics of a batch."""
    images, masks = torch.cat([p.image for p in pictures]), torch.cat([p.mask for p in pictures])
    if learner.config.model.discriminator.augment:
        images, masks = augment(images, masks, learner.randomness)
    with learner.autocast():
        logits = learner.discriminator(images, masks)
    return list(at_least_float32(logits).chunk(len(pictures)))


def _step_generator(learner: Learner, seen: Sight, terms: Scalars, adversarial: Tensor | None) -> None:
    weights = learner.config.losses
    weighted = {name: getattr(weights, name) for name in terms if name in type(weights).model_fields}
    total = torch.stack([weight * terms[name] for name, weight in weighted.items()]).sum()
    learner.generator_optimiser.zero_grad(set_to_none=True)
    _backward(learner, seen, total, None if adversarial is None else weights.adversarial * adversarial)
    learner.share.average_gradients(learner.model)
    learner.generator_optimiser.step()
    for name, value in terms.items():
        terms[name] = value.detach()
    terms["total"] = total.detach()


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
