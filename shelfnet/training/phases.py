"""One iteration, as a table of phases: the generator, the discriminator, and its lazy R1 penalty."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.losses.adversarial import discriminator_accuracy, discriminator_loss, generator_loss, r1_penalty
from shelfnet.losses.content import ContentTerms, content_terms, pose_prior_loss
from shelfnet.losses.distortion import distortion_loss
from shelfnet.losses.reconstruction import kl_loss, mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.shelfnet import Rendering
from shelfnet.representations.field import Field
from shelfnet.training.augment import augment
from shelfnet.training.batches import Batch
from shelfnet.training.curriculum import latent_share
from shelfnet.training.learner import Learner
from shelfnet.training.seams import Seam, add, cut
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
        encoded: the pictures' encoding, cut from the encoder.
        decoded: their objects, cut from the decoder.
        chosen: the hypothesis of the view that was rendered.
        azimuth: radians; the predicted views, then as many views from the prior.
        elevation: likewise.
        at_view: renders at the predicted views.
        at_novel_view: renders at the views from the prior.
    """

    encoded: Seam[Encoding]
    decoded: Seam[Field]
    chosen: ChosenView
    azimuth: Float[Tensor, "v"]
    elevation: Float[Tensor, "v"]
    at_view: Rendering
    at_novel_view: Rendering

    @property
    def encoding(self) -> Encoding:
        """Of the pictures."""
        return self.encoded.seen

    @property
    def both(self) -> Rendering:
        """Both renders of all pictures, in the order of ``azimuth``."""
        first, second = self.at_view, self.at_novel_view
        return Rendering(torch.cat([first.image, second.image]), torch.cat([first.mask, second.mask]))


@dataclass(frozen=True)
class Recognisable:
    """Renders, and what the encoder should find in them (Eq. 8)."""

    images: Float[Tensor, "n 3 h w"]
    azimuth: Float[Tensor, "n"]
    elevation: Float[Tensor, "n"]
    latent: Float[Tensor, "n d"]


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
    forward = Forward(batch, seen.at_view, seen.at_novel_view)
    terms = _reconstruction_terms(learner, seen, forward) | _view_terms(learner, seen)
    if learner.clip is not None:
        captions = batch.captions.repeat(2)
        with learner.autocast():
            distance = learner.clip(seen.both, captions, learner.randomness)
        terms["clip"] = at_least_float32(distance).mean()
    adversarial = _adversarial_term(learner, forward) if learner.config.losses.adversarial > 0 else None
    _step_generator(learner, seen, terms, adversarial)
    if adversarial is not None:
        terms["adversarial"] = adversarial.detach()
    return forward, terms | _health(seen)


def _look(learner: Learner, batch: Batch) -> Sight:
    """Encode, decode, and render at the predicted view and at one from the prior (Eq. 1 to 3).

    The two renders are made apart, since few losses see the second one: the backward pass of the others skips it.
    """
    model = learner.model
    with learner.autocast():
        encoded = cut(model.encode(batch.images))
        encoding = encoded.seen
        share = latent_share(learner.config.train, learner.iteration)
        decoded = cut(model.decode(share * encoding.latent))
    noise = learner.uniform(*encoding.view_azimuths.shape)
    chosen = choose_view(model, decoded.seen, encoding, batch, learner.config, noise)
    views = [Encoding.at(angles, chosen.index) for angles in (encoding.view_azimuths, encoding.view_elevations)]
    novel_views = prior_views(learner.config.render.prior, learner.uniform(len(batch.images), 2))
    size = batch.masks.shape[-1]
    with learner.autocast():
        at_view, at_novel_view = (
            model.render(decoded.seen, *angles, resolution_px=size, jitter=learner.jitter(len(batch.images), size))
            for angles in (views, novel_views)
        )
    azimuth, elevation = (torch.cat(pair) for pair in zip(views, novel_views, strict=True))
    return Sight(encoded, decoded, chosen, azimuth, elevation, at_view, at_novel_view)


def _reconstruction_terms(learner: Learner, seen: Sight, forward: Forward) -> Scalars:
    """How the render at the predicted view differs from the picture (Eq. 4 to 6), and the latent's prior."""
    batch = forward.batch
    terms = {
        "mask": mask_loss(forward.at_view.mask, batch.masks).mean(),
        "rgb": rgb_loss(forward.at_view.image, batch.targets).mean(),
        "kl": kl_loss(seen.encoding.latent).mean(),
    }
    if learner.perceptual is not None:
        with learner.autocast():
            distance = learner.perceptual(forward.at_view.image, batch.targets)
        terms["perceptual"] = at_least_float32(distance).mean()
    if learner.config.losses.distortion > 0:
        rays = [rendering.rays for rendering in (seen.at_view, seen.at_novel_view) if rendering.rays is not None]
        terms["distortion"] = torch.cat([distortion_loss(marched) for marched in rays]).mean()
    return terms


def _view_terms(learner: Learner, seen: Sight) -> Scalars:
    """What ties the view: content (Eq. 8), the choice of a hypothesis, and the prior where it is asked for."""
    weights, encoding = learner.config.losses, seen.encoding
    terms: Scalars = {}
    if encoding.view_logits.shape[1] > 1:
        log_choice = torch.log_softmax(encoding.view_logits, dim=1)
        terms["hypothesis"] = -(seen.chosen.credibility * log_choice).sum(dim=1).mean()
    if weights.content > 0:
        with learner.autocast():
            shown = _renders_to_recognise(learner, seen)
            again = learner.model.encode(shown.images)
        content = content_terms(again, shown.azimuth, shown.elevation, shown.latent)
        terms["content"] = _content_sum(content, weights.content_latent, weights.content_choice)
        terms["content_view"] = content.view.mean().detach()
    if weights.pose_prior > 0:
        terms["pose_prior"] = pose_prior_loss(seen.azimuth[: len(encoding.latent)])
    return terms


@torch.no_grad()
def _renders_to_recognise(learner: Learner, seen: Sight) -> Recognisable:
    """Both renders of the batch and the further ones that the settings ask for, cut from the decoder."""
    latent, further = seen.encoding.latent, learner.config.train.content_views
    images, azimuth, elevation = [seen.both.image], [seen.azimuth], [seen.elevation]
    if further:
        views = prior_views(learner.config.render.prior, learner.uniform(further * len(latent), 2))
        size = seen.at_view.mask.shape[-1]
        rendering = learner.model.render(
            seen.decoded.seen,
            *views,
            resolution_px=size,
            jitter=learner.jitter(len(views[0]), size),
            views_per_object=further,
        )
        images.append(rendering.image)
        azimuth.append(views[0])
        elevation.append(views[1])
    latents = torch.cat([latent, latent, latent.repeat_interleave(further, dim=0)])
    return Recognisable(torch.cat(images), torch.cat(azimuth), torch.cat(elevation), latents)


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


def _content_sum(content: ContentTerms, latent_weight: float, choice_weight: float) -> Tensor:
    return (content.view + latent_weight * content.latent + choice_weight * content.choice).mean()


def _health(seen: Sight) -> Scalars:
    azimuth = seen.azimuth.detach().chunk(2)[0]
    spread = 1.0 - torch.hypot(torch.cos(azimuth).mean(), torch.sin(azimuth).mean())
    return {
        "health/mask_coverage": seen.at_novel_view.mask.detach().mean(),
        "health/azimuth_spread": spread,
        "health/latent_deviation": seen.encoding.latent.detach().std(dim=0).mean(),
    }
