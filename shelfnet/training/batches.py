"""Pictures, masks and captions, drawn at random: all that training sees."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from shelfnet.data.views import TrainingViews
from shelfnet.networks.encoder import resize


@dataclass(frozen=True)
class Batch:
    """Pictures on white in [0, 1].

    Attributes:
        images: at the size of the shards, for the encoder.
        targets: at the size of the renders.
        masks: likewise.
        captions: index into :attr:`PictureStore.captions`.
    """

    images: Float[Tensor, "b 3 h w"]
    targets: Float[Tensor, "b 3 r r"]
    masks: Float[Tensor, "b r r"]
    captions: Int[Tensor, "b"]


class PictureStore:
    """Every training picture, decoded once and kept as bytes where the training runs.

    Args:
        views: from the shards.
        render_px: size of the renders to compare with.
        device: where batches are made.
    """

    def __init__(self, views: TrainingViews, render_px: int, device: torch.device) -> None:
        self.pictures: UInt8[Tensor, "n 4 h w"] = (
            torch.from_numpy(views.images).permute(0, 3, 1, 2).contiguous().to(device)
        )
        self.captions = sorted(set(views.captions))
        index = {caption: number for number, caption in enumerate(self.captions)}
        self.caption_of = torch.tensor([index[caption] for caption in views.captions], device=device)
        self.render_px = render_px

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        """A batch at random, with replacement."""
        return self.take(torch.randint(len(self), (batch_size,), generator=generator, device=generator.device))

    def take(self, index: Int[Tensor, "b"]) -> Batch:
        """The batch of given rows."""
        index = index.to(self.pictures.device)
        images, masks = composite(self.pictures[index])
        return Batch(
            images=images,
            targets=resize(images, self.render_px),
            masks=resize(masks, self.render_px).squeeze(1),
            captions=self.caption_of[index],
        )


def composite(pictures: UInt8[Tensor, "b 4 h w"]) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
    """RGBA bytes with straight alpha to pictures on white, and masks, in [0, 1]."""
    values = pictures.float() / 255.0
    alpha = values[:, 3:]
    return 1.0 - alpha * (1.0 - values[:, :3]), alpha
