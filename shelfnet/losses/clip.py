"""CLIP loss L_clip (Eq. 11) between renders and captions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.losses.backgrounds import composite_over_backgrounds
from shelfnet.networks.clip import ClipModel
from shelfnet.networks.shelfnet import Rendering


class ClipLoss(nn.Module):
    """1 - cosine similarity of the embeddings of a render and its caption.

    Args:
        clip: Frozen CLIP model.
        captions: All captions, embedded once and addressed by index.
        backgrounds: Kinds of background behind renders. Random ones keep CLIP from rewarding painted backgrounds.
    """

    text: Tensor

    def __init__(self, clip: ClipModel, captions: list[str], backgrounds: tuple[str, ...]) -> None:
        super().__init__()
        self.clip = clip
        self.backgrounds = backgrounds
        self.register_buffer("text", clip.embed_text(captions))

    def forward(
        self, rendering: Rendering, captions: Int[Tensor, "b"], generator: torch.Generator
    ) -> Float[Tensor, "b"]:
        """Loss of each render against the caption of the given index."""
        images = composite_over_backgrounds(rendering.image, rendering.mask, self.backgrounds, generator)
        return cosine_loss(self.clip.embed_images(images), self.text[captions])


def cosine_loss(first: Float[Tensor, "b d"], second: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    """1 - cosine similarity, in [0, 2]."""
    return 1.0 - functional.cosine_similarity(first, second, dim=1)
