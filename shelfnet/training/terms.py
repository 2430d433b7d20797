"""The generator's terms of Eq. 9 that need no discriminator, and the health of what it saw."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.render import ViewPrior
from shelfnet.losses.content import ContentTerms, content_terms, pose_prior_loss, prior_azimuth_moment
from shelfnet.losses.distortion import distortion_loss
from shelfnet.losses.reconstruction import kl_loss, mask_loss, rgb_loss
from shelfnet.networks.precision import at_least_float32
from shelfnet.training.batches import Batch
from shelfnet.training.learner import Learner
from shelfnet.training.sight import Sight
from shelfnet.training.views import prior_views

Scalars = dict[str, Tensor]


@dataclass(frozen=True)
class Recognisable:
    """Renders, and what the encoder should find in them (Eq. 8).

    Attributes:
        images: on white.
        azimuth: radians, of their cameras.
        elevation: likewise.
        latent: of the images whose objects they show, in full, whatever share of it the objects were decoded from
            (:func:`shelfnet.losses.content.content_terms` says why).
    """

    images: Float[Tensor, "n 3 h w"]
    azimuth: Float[Tensor, "n"]
    elevation: Float[Tensor, "n"]
    latent: Float[Tensor, "n d"]


def reconstruction_terms(learner: Learner, seen: Sight, batch: Batch) -> Scalars:
    """How the render at the predicted view differs from the image (Eq. 4 to 6), and the latent's prior."""
    terms = {
        "mask": mask_loss(seen.at_view.mask, batch.masks).mean(),
        "rgb": rgb_loss(seen.at_view.image, batch.targets).mean(),
        "kl": kl_loss(seen.encoding.latent).mean(),
    }
    if learner.perceptual is not None:
        with learner.autocast():
            distance = learner.perceptual(seen.at_view.image, batch.targets)
        terms["perceptual"] = at_least_float32(distance).mean()
    if learner.config.losses.distortion > 0:
        rays = [rendering.rays for rendering in (seen.at_view, seen.at_novel_view) if rendering.rays is not None]
        terms["distortion"] = torch.cat([distortion_loss(marched) for marched in rays]).mean()
    return terms


def view_terms(learner: Learner, seen: Sight) -> Scalars:
    """What ties the view: content (Eq. 8), the choice of a hypothesis, and the prior where it is asked for."""
    weights, encoding = learner.config.losses, seen.encoding
    terms: Scalars = {}
    if encoding.view_logits.shape[1] > 1:
        log_choice = torch.log_softmax(encoding.view_logits, dim=1)
        terms["hypothesis"] = -(seen.chosen.hypothesis_weights * log_choice).sum(dim=1).mean()
    if weights.content > 0:
        with learner.autocast():
            shown = _renders_to_recognise(learner, seen)
            again = learner.model.encode(shown.images)
        content = content_terms(again, shown.azimuth, shown.elevation, shown.latent)
        terms["content"] = _content_sum(content, weights.content_latent, weights.content_choice)
        terms["content_view"] = content.view.mean().detach()
    if weights.pose_prior > 0:
        terms["pose_prior"] = pose_prior_loss(seen.azimuth[: len(encoding.latent)], learner.config.render.prior)
    return terms


def caption_term(learner: Learner, seen: Sight, batch: Batch) -> Scalars:
    """How far both renders are from the caption in CLIP's space (Eq. 11); nothing without a CLIP."""
    if learner.clip is None:
        return {}
    with learner.autocast():
        distance = learner.clip(seen.both, batch.captions.repeat(2), learner.rng)
    return {"clip": at_least_float32(distance).mean()}


def health(learner: Learner, seen: Sight) -> Scalars:
    """What shows a collapse early; what compares images is left out where there is only one."""
    signs = {"health/mask_coverage": seen.at_novel_view.mask.detach().mean()}
    latent, azimuth = seen.encoding.latent.detach(), seen.azimuth.detach().chunk(2)[0]
    if len(latent) > 1:
        signs["health/azimuth_spread"] = azimuth_spread(azimuth)
        signs["health/azimuth_spread_prior"] = azimuth.new_full((), prior_azimuth_spread(learner.config.render.prior))
        signs["health/latent_deviation"] = latent.std(dim=0).mean()
    return signs


def azimuth_spread(azimuth: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    """Mean of 1 - cos of the difference between the azimuths of two images, over all pairs of a batch.

    Its expectation does not depend on the size of the batch, as that of the length of the mean resultant does: so it
    can be compared with :func:`prior_azimuth_spread`. 0 where all are the same; at most b / (b - 1).

    Args:
        azimuth: radians, of two or more images.
    """
    n_images = len(azimuth)
    squared_resultant = torch.cos(azimuth).mean().square() + torch.sin(azimuth).mean().square()
    return (1.0 - squared_resultant) * (n_images / (n_images - 1))


def prior_azimuth_spread(prior: ViewPrior) -> float:
    """Expectation of :func:`azimuth_spread` for views from p(v), uniform in their range: 1 for all directions."""
    return 1.0 - abs(prior_azimuth_moment(prior, order=1)) ** 2


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


def _content_sum(content: ContentTerms, latent_weight: float, choice_weight: float) -> Tensor:
    return (content.view + latent_weight * content.latent + choice_weight * content.choice).mean()
