"""Images, masks and captions, drawn at random: all that training sees."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from shelfnet.data.shards.reader import TrainingViews
from shelfnet.networks.encoder import resize
from shelfnet.renderer.compositing import composite
from shelfnet.training.shares import Share

RESIDENT_SHARE = 0.5
"""Of a GPU's free memory, that the images may take."""


@dataclass(frozen=True)
class Batch:
    """Images on white in [0, 1].

    Attributes:
        images: at the size of the shards, for the encoder.
        targets: at the size of the renders.
        masks: likewise.
        captions: index into :attr:`ImageStore.captions`.
    """

    images: Float[Tensor, "b 3 h w"]
    targets: Float[Tensor, "b 3 r r"]
    masks: Float[Tensor, "b r r"]
    captions: Int[Tensor, "b"]


class ImageStore:
    """Every training image, decoded once and kept as bytes.

    They stay where the training runs if they take at most :data:`RESIDENT_SHARE` of what is free there; then a batch
    costs no transfer and no wait. Else they stay on the host: in memory, or in a mapped file where they are many.

    Args:
        views: from the shards.
        render_px: size of the renders to compare with.
        device: where batches are made.
    """

    def __init__(self, views: TrainingViews, render_px: int, device: torch.device) -> None:
        rgba = torch.from_numpy(views.images)
        self.rgba: UInt8[Tensor, "n h w 4"] = rgba.to(device) if _fits(rgba, device) else rgba
        self.device = device
        self.captions = sorted(set(views.captions))
        index = {caption: number for number, caption in enumerate(self.captions)}
        self.caption_of = torch.tensor([index[caption] for caption in views.captions], device=device)
        self.render_px = render_px

    def __len__(self) -> int:
        return len(self.rgba)

    def draw(
        self, batch_size: int, generator: torch.Generator, render_px: int | None = None, share: Share | None = None
    ) -> Batch:
        """A batch at random, with replacement; targets have the store's size unless another is asked for.

        Args:
            batch_size: of the whole batch.
            generator: of the rows.
            render_px: size of the targets.
            share: which rows of the batch to make; all of them where ``None``.
        """
        rows = torch.randint(len(self), (batch_size,), generator=generator, device=generator.device)
        return self.take(rows if share is None else share.take(rows), render_px)

    def take(self, index: Int[Tensor, "b"], render_px: int | None = None) -> Batch:
        """The batch of given rows; targets have the store's size unless another is asked for."""
        render_px = render_px or self.render_px
        rgba = self.rgba[index.to(self.rgba.device)].permute(0, 3, 1, 2).contiguous()
        images, masks = composite(rgba.to(self.device))
        return Batch(
            images=images,
            targets=resize(images, render_px),
            masks=resize(masks, render_px).squeeze(1),
            captions=self.caption_of[index.to(self.device)],
        )


def _fits(rgba: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return rgba.nbytes <= RESIDENT_SHARE * free_bytes
