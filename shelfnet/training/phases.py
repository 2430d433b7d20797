"""One iteration, as a table of phases: the generator, the discriminator, and its lazy R1 penalty."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, generator_loss, r1_penalty
from shelfnet.losses.content import ContentTerms, content_terms, pose_prior_loss
from shelfnet.losses.reconstruction import kl_loss, mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.augment import augment
from shelfnet.training.batches import Batch
from shelfnet.training.learner import Learner
from shelfnet.training.views import ChosenView, choose_view, prior_views

Scalars = dict[str, Tensor]


class NonFiniteLossError(ArithmeticError):
    """A loss is infinite or not a number; the message names the iteration and the term."""


@dataclass(frozen=True)
class Forward:
    """What the generator made of a batch, kept for the phases that follow it."""

    batch: Batch
    at_view: Rendering
    at_novel_view: Rendering


@dataclass(frozen=True)
class Sight:
    """A batch encoded, decoded and rendered.

    Attributes:
        encoding: of the pictures.
        chosen: the hypothesis of the view that was rendered.
        azimuth: radians; at the even places the predicted views, at the odd ones views from the prior.
        elevation: likewise.
        both: renders at these views.
    """

    encoding: Encoding
    chosen: ChosenView
    azimuth: Float[Tensor, "v"]
    elevation: Float[Tensor, "v"]
    both: Rendering


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
    seen = _look(learner, batch)
    forward = Forward(batch, _every_second(seen.both, 0), _every_second(seen.both, 1))
    terms = _reconstruction_terms(learner, seen, forward) | _view_terms(learner, seen)
    if learner.clip is not None:
        captions = batch.captions.repeat_interleave(2, dim=0)
        terms["clip"] = learner.clip(seen.both, captions, learner.randomness).mean()
    adversarial = _adversarial_term(learner, forward) if learner.config.losses.adversarial > 0 else None
    _step_generator(learner, terms, adversarial)
    if adversarial is not None:
        terms["adversarial"] = adversarial.detach()
    return forward, terms | _health(seen)


def _look(learner: Learner, batch: Batch) -> Sight:
    """Encode, decode, and render at the predicted view and at one from the prior (Eq. 1 to 3)."""
    model, generator = learner.model, learner.randomness
    encoding = model.encode(batch.images)
    field = model.decode(encoding.latent)
    chosen = choose_view(model, field, encoding, batch, learner.config, generator)
    novel_azimuth, novel_elevation = prior_views(learner.config.render.prior, len(batch.images), generator)
    azimuth = _interleave(Encoding.at(encoding.view_azimuths, chosen.index), novel_azimuth)
    elevation = _interleave(Encoding.at(encoding.view_elevations, chosen.index), novel_elevation)
    both = model.render(field.repeat(2), azimuth, elevation, generator=generator)
    return Sight(encoding, chosen, azimuth, elevation, both)


def _reconstruction_terms(learner: Learner, seen: Sight, forward: Forward) -> Scalars:
    """How the render at the predicted view differs from the picture (Eq. 4 to 6), and the latent's prior."""
    batch = forward.batch
    terms = {
        "mask": mask_loss(forward.at_view.mask, batch.masks).mean(),
        "rgb": rgb_loss(forward.at_view.image, batch.targets).mean(),
        "kl": kl_loss(seen.encoding.latent).mean(),
    }
    if learner.perceptual is not None:
        terms["perceptual"] = learner.perceptual(forward.at_view.image, batch.targets).mean()
    return terms


def _view_terms(learner: Learner, seen: Sight) -> Scalars:
    """What ties the view: content (Eq. 8), the choice of a hypothesis, and the prior where it is asked for."""
    weights, encoding = learner.config.losses, seen.encoding
    terms: Scalars = {}
    if encoding.view_logits.shape[1] > 1:
        log_choice = torch.log_softmax(encoding.view_logits, dim=1)
        terms["hypothesis"] = -(seen.chosen.credibility * log_choice).sum(dim=1).mean()
    if weights.content > 0:
        again = learner.model.encode(seen.both.image.detach())
        latent = encoding.latent.detach().repeat_interleave(2, dim=0)
        content = content_terms(again, seen.azimuth.detach(), seen.elevation.detach(), latent)
        terms["content"] = _content_sum(content, weights.content_latent, weights.content_choice)
        terms["content_view"] = content.view.mean().detach()
    if weights.pose_prior > 0:
        terms["pose_prior"] = pose_prior_loss(seen.azimuth[::2])
    return terms


def discriminator_phase(learner: Learner, forward: Forward) -> Scalars:
    """A step of D on real pictures and on both renders (Eq. 7)."""
    real = _judge(learner, forward.batch.targets, forward.batch.masks)
    at_view = _judge(learner, forward.at_view.image.detach(), forward.at_view.mask.detach())
    at_novel = _judge(learner, forward.at_novel_view.image.detach(), forward.at_novel_view.mask.detach())
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
    for name, value in terms.items():
        if not torch.isfinite(value):
            raise NonFiniteLossError(f"iteration {iteration}: {name} is {value.item()}")


def _adversarial_term(learner: Learner, forward: Forward) -> Tensor:
    at_view = _judge(learner, forward.at_view.image, forward.at_view.mask)
    return generator_loss(at_view, _judge(learner, forward.at_novel_view.image, forward.at_novel_view.mask))


def _judge(learner: Learner, images: Tensor, masks: Tensor) -> Tensor:
    if learner.config.model.discriminator.augment:
        images, masks = augment(images, masks, learner.randomness)
    return learner.discriminator(images, masks)


def _step_generator(learner: Learner, terms: Scalars, adversarial: Tensor | None) -> None:
    weights = learner.config.losses
    weighted = {name: getattr(weights, name) for name in terms if name in type(weights).model_fields}
    total = torch.stack([weight * terms[name] for name, weight in weighted.items()]).sum()
    learner.generator_optimiser.zero_grad(set_to_none=True)
    if adversarial is not None:
        decoder = learner.model.decoder_parameters()
        torch.autograd.backward(weights.adversarial * adversarial, inputs=decoder, retain_graph=True)
    total.backward()
    _apply(learner.generator_optimiser, learner.learning_rate())
    for name, value in terms.items():
        terms[name] = value.detach()
    terms["total"] = total.detach()


def _step_discriminator(learner: Learner, loss: Tensor) -> None:
    learner.discriminator_optimiser.zero_grad(set_to_none=True)
    loss.backward()
    _apply(learner.discriminator_optimiser, learner.learning_rate())


def _apply(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.step()


def _content_sum(content: ContentTerms, latent_weight: float, choice_weight: float) -> Tensor:
    return (content.view + latent_weight * content.latent + choice_weight * content.choice).mean()


def _health(seen: Sight) -> Scalars:
    azimuth = seen.azimuth[::2].detach()
    spread = 1.0 - torch.hypot(torch.cos(azimuth).mean(), torch.sin(azimuth).mean())
    return {
        "health/mask_coverage": seen.both.mask[1::2].mean().detach(),
        "health/azimuth_spread": spread,
        "health/latent_deviation": seen.encoding.latent.detach().std(dim=0).mean(),
    }


def _interleave(first: Tensor, second: Tensor) -> Tensor:
    return torch.stack([first, second], dim=1).flatten()


def _every_second(rendering: Rendering, start: int) -> Rendering:
    return Rendering(rendering.image[start::2], rendering.mask[start::2])
