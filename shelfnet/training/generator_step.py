"""One optimiser step of encoder, decoder and renderer: forward pass, terms of Eq. 9, backward pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.supervision import LossSettings
from shelfnet.losses.adversarial import generator_loss
from shelfnet.losses.content import content_terms, pose_prior_loss
from shelfnet.losses.distortion import distortion_loss
from shelfnet.losses.hypotheses import hypothesis_losses
from shelfnet.losses.reconstruction import kl_loss, mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.representations.field import Field
from shelfnet.training.batches import Batch
from shelfnet.training.context import TrainContext
from shelfnet.training.detached_boundary import DetachedBoundary, Gradients, add_gradients, detach
from shelfnet.training.discriminator_step import Renders, discriminate
from shelfnet.training.health import health_figures
from shelfnet.training.state import Scalars, TrainState
from shelfnet.training.view_sampling import prior_views, sample_hypothesis

DIAGNOSTICS = ("content_view",)
"""Terms that are logged and not part of the sum of Eq. 9."""

LEAST_HYPOTHESIS_SAMPLES = 8
"""Smallest number of samples per ray of the renders that weigh the hypotheses."""


@dataclass(frozen=True)
class GeneratorForward:
    """A batch encoded, decoded and rendered.

    The autograd graph is cut after the encoder and after the decoder (:class:`DetachedBoundary`), and gradients of all
    terms accumulate at the cuts. The backward pass goes through the encoder once. With an adversarial loss, it goes
    through the decoder twice: for the weights with both losses, then for the latents without the adversarial loss.

    Attributes:
        encoded: Encoding of the images.
        decoded: Fields of the objects.
        hypothesis_weights: Weight of each view hypothesis by its reconstruction loss; no gradient.
        azimuth: Azimuths of the predicted views, then of the views from the prior, in radians.
        elevation: Likewise.
        at_view: Renders at the predicted views.
        at_novel_view: Renders at the views from the prior.
    """

    encoded: DetachedBoundary[Encoding]
    decoded: DetachedBoundary[Field]
    hypothesis_weights: Float[Tensor, "b k"]
    azimuth: Float[Tensor, "v"]
    elevation: Float[Tensor, "v"]
    at_view: Rendering
    at_novel_view: Rendering

    @property
    def encoding(self) -> Encoding:
        """Encoding of the images, after the cut."""
        return self.encoded.detached

    @property
    def field(self) -> Field:
        """Fields of the objects, after the cut."""
        return self.decoded.detached

    @property
    def all_renders(self) -> Rendering:
        """Renders at the predicted views, then at the views from the prior."""
        first, second = self.at_view, self.at_novel_view
        return Rendering(torch.cat([first.image, second.image]), torch.cat([first.mask, second.mask]))


def generator_step(state: TrainState, context: TrainContext, batch: Batch) -> tuple[Scalars, Renders]:
    """Take a step on the weighted sum of Eq. 9.

    As in the original code, the adversarial loss trains the decoder alone, and the content loss the encoder alone: the
    renders that are encoded again are detached.

    Returns:
        Terms and health figures, detached; the renders, for the discriminator.
    """
    weights = context.settings.losses
    forward = forward_generator(state, context, batch)
    terms = reconstruction_terms(context, forward, batch) | view_terms(state, context, forward)
    terms |= clip_term(state, context, forward, batch)
    adversarial = adversarial_loss(state, context, forward) if weights.adversarial > 0 else None
    state.generator_optimiser.zero_grad(set_to_none=True)
    backward_generator(
        state.model,
        forward,
        weighted_sum(terms, weights),
        None if adversarial is None else weights.adversarial * adversarial,
    )
    context.distributed.average_gradients(state.model)
    state.generator_optimiser.step()
    if adversarial is not None:
        terms["adversarial"] = adversarial
    terms = {name: value.detach() for name, value in terms.items()}
    terms["total"] = weighted_sum(terms, weights)
    health = health_figures(
        forward.encoding.latent.detach(),
        forward.azimuth.detach().chunk(2)[0],
        forward.at_novel_view.mask.detach(),
        context.settings.render.prior,
    )
    return terms | health, Renders(forward.at_view.detach(), forward.at_novel_view.detach())


def forward_generator(state: TrainState, context: TrainContext, batch: Batch) -> GeneratorForward:
    """Encode and decode the images, and render them at the predicted view and at a view from the prior (Eq. 1 to 3).

    The two sets of renders are made separately: few terms use the second, and the backward pass of the others skips it.
    """
    model, rand = state.model, context.distributed.rand
    size_px = batch.masks.shape[-1]
    with context.autocast():
        encoded = detach(model.encode(batch.images))
        encoding: Encoding = encoded.detached
        decoded = detach(model.decode(context.latent_scale * encoding.latent))
    uniform = rand(state.rng, *encoding.view_azimuths.shape)
    hypothesis_weights = weigh_hypotheses(context, model, decoded.detached, encoding, batch)
    index = sample_hypothesis(hypothesis_weights, uniform)
    views = (
        torch.where(batch.view_is_given, batch.found_azimuth, Encoding.at(encoding.view_azimuths, index)),
        torch.where(batch.view_is_given, batch.found_elevation, Encoding.at(encoding.view_elevations, index)),
    )
    novel_views = prior_views(context.settings.render.prior, rand(state.rng, len(batch.images), 2))
    with context.autocast():
        at_view, at_novel_view = (
            model.render(
                decoded.detached,
                *angles,
                resolution_px=size_px,
                jitter=rand(state.rng, len(batch.images), size_px**2, 1),
            )
            for angles in (views, novel_views)
        )
    azimuth, elevation = (torch.cat(pair) for pair in zip(views, novel_views, strict=True))
    return GeneratorForward(encoded, decoded, hypothesis_weights, azimuth, elevation, at_view, at_novel_view)


def weigh_hypotheses(
    context: TrainContext, model: ShelfNet, field: Field, encoding: Encoding, batch: Batch
) -> Float[Tensor, "b k"]:
    """Weights exp(-loss / temperature) of the view hypotheses, normalised, from small renders with few samples.

    Drawing one hypothesis by its weight and rendering it in full has, in expectation, the gradient of the weighted sum
    over all hypotheses with constant weights.
    """
    if encoding.view_azimuths.shape[1] == 1:
        return torch.ones_like(encoding.view_azimuths)
    settings, weights = context.settings.model, context.settings.losses
    losses = hypothesis_losses(
        model,
        field,
        encoding,
        Rendering(batch.targets, batch.masks),
        resolution_px=settings.encoder.hypothesis_px,
        samples_per_ray=max(settings.renderer.samples_per_ray // 2, LEAST_HYPOTHESIS_SAMPLES),
        mask_weight=weights.mask,
        rgb_weight=weights.rgb,
    )
    return torch.softmax(-losses / settings.encoder.hypothesis_temperature, dim=1)


def reconstruction_terms(context: TrainContext, forward: GeneratorForward, batch: Batch) -> Scalars:
    """Differences between the render at the predicted view and the image (Eq. 4 to 6), latent prior and distortion."""
    terms = {
        "mask": mask_loss(forward.at_view.mask, batch.masks).mean(),
        "rgb": rgb_loss(forward.at_view.image, batch.targets).mean(),
        "kl": kl_loss(forward.encoding.latent).mean(),
    }
    if context.perceptual is not None:
        with context.autocast():
            distance = context.perceptual(forward.at_view.image, batch.targets)
        terms["perceptual"] = at_least_float32(distance).mean()
    if context.settings.losses.distortion > 0:
        ray_weights = [r.rays for r in (forward.at_view, forward.at_novel_view) if r.rays is not None]
        terms["distortion"] = torch.cat([distortion_loss(rays) for rays in ray_weights]).mean()
    return terms


def view_terms(state: TrainState, context: TrainContext, forward: GeneratorForward) -> Scalars:
    """Terms that teach the view: hypothesis classifier, content (Eq. 8) and, where weighted, the pose prior."""
    weights, encoding = context.settings.losses, forward.encoding
    terms: Scalars = {}
    if encoding.view_logits.shape[1] > 1:
        log_probabilities = torch.log_softmax(encoding.view_logits, dim=1)
        terms["hypothesis"] = -(forward.hypothesis_weights * log_probabilities).sum(dim=1).mean()
    if weights.content > 0:
        with context.autocast():
            renders, azimuth, elevation, latent = content_renders(state, context, forward)
            encoded_again = state.model.encode(renders)
        content = content_terms(encoded_again, azimuth, elevation, latent)
        summed = content.view + weights.content_latent * content.latent + weights.content_choice * content.choice
        terms["content"] = summed.mean()
        terms["content_view"] = content.view.mean().detach()
    if weights.pose_prior > 0:
        azimuth = forward.azimuth[: len(encoding.latent)]
        terms["pose_prior"] = pose_prior_loss(azimuth, context.settings.render.prior)
    return terms


@torch.no_grad()
def content_renders(
    state: TrainState, context: TrainContext, forward: GeneratorForward
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n d"]]:
    """Renders to encode again for Eq. 8, detached: both of each image, and ``content_views`` further ones.

    Returns:
        Renders, azimuths and elevations of their cameras in radians, and the full latents of the images, whatever
        ``latent_scale`` their objects were decoded with.
    """
    latent, further = forward.encoding.latent, context.settings.train.content_views
    images, azimuth, elevation = [forward.all_renders.image], [forward.azimuth], [forward.elevation]
    if further:
        rand, n_views = context.distributed.rand, further * len(latent)
        size_px = forward.at_view.mask.shape[-1]
        views = prior_views(context.settings.render.prior, rand(state.rng, n_views, 2))
        renders = state.model.render(
            forward.field,
            *views,
            resolution_px=size_px,
            jitter=rand(state.rng, n_views, size_px**2, 1),
            views_per_object=further,
        )
        images.append(renders.image)
        azimuth.append(views[0])
        elevation.append(views[1])
    latents = torch.cat([latent, latent, latent.repeat_interleave(further, dim=0)])
    return torch.cat(images), torch.cat(azimuth), torch.cat(elevation), latents


def clip_term(state: TrainState, context: TrainContext, forward: GeneratorForward, batch: Batch) -> Scalars:
    """Distance of both renders from the caption in CLIP's space (Eq. 11); empty without CLIP."""
    if context.clip is None:
        return {}
    with context.autocast():
        distance = context.clip(forward.all_renders, batch.captions.repeat(2), state.rng)
    return {"clip": at_least_float32(distance).mean()}


def adversarial_loss(state: TrainState, context: TrainContext, forward: GeneratorForward) -> Float[Tensor, ""]:
    """The generator's part of Eq. 7, on both renders."""
    with _frozen(state.discriminator):
        return generator_loss(*discriminate(state, context, forward.at_view, forward.at_novel_view))


def weighted_sum(terms: Scalars, weights: LossSettings) -> Float[Tensor, ""]:
    """Weighted sum of all terms but the :data:`DIAGNOSTICS` (Eq. 9); every other term has a weight of its name."""
    weighted = [getattr(weights, name) * value for name, value in terms.items() if name not in DIAGNOSTICS]
    return torch.stack(weighted).sum()


def backward_generator(model: ShelfNet, forward: GeneratorForward, loss: Tensor, adversarial: Tensor | None) -> None:
    """Backward pass of Eq. 9: ``loss`` trains all of the model, ``adversarial`` the decoder alone.

    Gradients accumulate at the boundaries of ``forward``. The decoder's weights see the sum of both losses in one pass;
    the latents receive the gradient of ``loss`` alone; the encoder then sees everything in one pass.
    """
    decoder = model.decoder_parameters()
    adversarial_gradients: Gradients = []
    if adversarial is not None:
        inputs = [*forward.decoded.leaves(), *decoder]
        torch.autograd.backward(adversarial, inputs=inputs, retain_graph=True)
        adversarial_gradients = forward.decoded.pop_gradients()
    loss.backward()
    gradients, latent = forward.decoded.pop_gradients(), [forward.encoding.latent]
    if adversarial is None:
        forward.decoded.backward(gradients, inputs=[*decoder, *latent])
    else:
        forward.decoded.backward(add_gradients(gradients, adversarial_gradients), inputs=decoder, retain_graph=True)
        forward.decoded.backward(gradients, inputs=latent)
    forward.encoded.backward(forward.encoded.pop_gradients())


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Inside, no gradients of the network's weights are computed; a compiled network would compute them otherwise."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
