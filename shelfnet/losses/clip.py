"""L_clip (Eq. 11): renders must look, to CLIP, like their caption."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.losses.backgrounds import composite_over_backgrounds
from shelfnet.networks.clip import ClipModel
from shelfnet.networks.shelfnet import Rendering


class ClipLoss(nn.Module):
    """1 - cosine between a render and its caption; text is embedded once a caption.

    Args:
        clip: a frozen CLIP.
        captions: every caption that will be asked for, by index.
        backgrounds: what may stand behind a render; more than white keeps CLIP from painting a background of its own.
    """

    def __init__(self, clip: ClipModel, captions: list[str], backgrounds: tuple[str, ...]) -> None:
        super().__init__()
        self.clip = clip
        self.backgrounds = backgrounds
        self.register_buffer("text", clip.embed_text(captions))

    def forward(
        self, rendering: Rendering, captions: Int[Tensor, "b"], generator: torch.Generator
    ) -> Float[Tensor, "b"]:
        """Loss of renders against their captions' indices."""
        images = composite_over_backgrounds(rendering.image, rendering.mask, self.backgrounds, generator)
        return cosine_loss(self.clip.embed_images(images), self.text[captions])


def cosine_loss(first: Float[Tensor, "b d"], second: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    """1 - cos of the angle between embeddings: 0 when they agree, 1 at right angles, 2 when opposed."""
    return 1.0 - functional.cosine_similarity(first, second, dim=1)
