"""A batch encoded, decoded and rendered: what every loss of the generator looks at."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import Rendering
from shelfnet.representations.field import Field
from shelfnet.training.batches import Batch
from shelfnet.training.learner import Learner
from shelfnet.training.seams import Seam, cut
from shelfnet.training.views import ChosenView, choose_view, prior_views


@dataclass(frozen=True)
class Sight:
    """A batch encoded, decoded and rendered.

    Attributes:
        encoded: the images' encoding, cut from the encoder.
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
        """Of the images."""
        return self.encoded.seen

    @property
    def both(self) -> Rendering:
        """Both renders of all images, in the order of ``azimuth``."""
        first, second = self.at_view, self.at_novel_view
        return Rendering(torch.cat([first.image, second.image]), torch.cat([first.mask, second.mask]))


def look(learner: Learner, batch: Batch) -> Sight:
    """Encode, decode, and render at the predicted view and at one from the prior (Eq. 1 to 3).

    The two renders are made apart, since few losses see the second one: the backward pass of the others skips it.
    """
    model = learner.model
    with learner.autocast():
        encoded = cut(model.encode(batch.images))
        encoding = encoded.seen
        decoded = cut(model.decode(learner.latent_share * encoding.latent))
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
