"""Random batches of images, masks and captions: all that training sees."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from shelfnet.data.discovered_views import DiscoveredViews
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.encoder import resize
from shelfnet.training.acceleration.distributed import DistributedContext

GPU_MEMORY_FRACTION = 0.5
"""Largest fraction of a GPU's free memory that the training images may take."""


@dataclass(frozen=True)
class Batch:
    """Images on white in [0, 1].

    Attributes:
        images: Images at their stored resolution, before the encoder resizes them.
        targets: Images at the size of the renders.
        masks: Masks at the size of the renders.
        captions: Indices into :attr:`ImageStore.captions`.
        found_azimuth: Azimuth that discovery found, in radians.
        found_elevation: Elevation that discovery found, in radians.
        view_is_given: Whether the image is rendered at the found view instead of a predicted one.
    """

    images: Float[Tensor, "b 3 h w"]
    targets: Float[Tensor, "b 3 r r"]
    masks: Float[Tensor, "b r r"]
    captions: Int[Tensor, "b"]
    found_azimuth: Float[Tensor, "b"]
    found_elevation: Float[Tensor, "b"]
    view_is_given: Bool[Tensor, "b"]


@dataclass(frozen=True)
class FoundViews:
    """Views and shapes that discovery found, one per training image, on the training device.

    Attributes:
        azimuth: Azimuth in radians.
        elevation: Elevation in radians.
        is_certain: Whether the azimuth's posterior is narrow enough to be trusted.
        shape: Number of the shared shape.
    """

    azimuth: Float[Tensor, "n"]
    elevation: Float[Tensor, "n"]
    is_certain: Bool[Tensor, "n"]
    shape: Int[Tensor, "n"]


def found_views(views: DiscoveredViews, max_spread_deg: float, device: torch.device) -> FoundViews:
    """Views of the training images; an azimuth with a larger spread than ``max_spread_deg`` is not certain."""
    return FoundViews(
        azimuth=torch.deg2rad(torch.from_numpy(views.azimuth_deg)).to(device),
        elevation=torch.deg2rad(torch.from_numpy(views.elevation_deg)).to(device),
        is_certain=torch.from_numpy(views.spread_deg <= max_spread_deg).to(device),
        shape=torch.from_numpy(views.shape).to(device),
    )


def no_views(n: int, device: torch.device) -> FoundViews:
    """Views of a run without discovery: none is certain."""
    zeros = torch.zeros(n, device=device)
    return FoundViews(zeros, zeros, zeros.bool(), zeros.long())


class ImageStore:
    """All training images, decoded once and kept as RGBA bytes.

    They lie on the training device if they take at most :data:`GPU_MEMORY_FRACTION` of its free memory, else on the
    host.

    Args:
        views: Training images and captions.
        render_px: Default size of the targets.
        device: Device of the batches.
        found: Views that discovery found; none by default.
    """

    def __init__(
        self, views: TrainingViews, render_px: int, device: torch.device, found: FoundViews | None = None
    ) -> None:
        rgba = torch.from_numpy(views.images)
        self.rgba: UInt8[Tensor, "n h w 4"] = rgba.to(device) if _fits(rgba, device) else rgba
        self.device = device
        self.captions = sorted(set(views.captions))
        index = {caption: number for number, caption in enumerate(self.captions)}
        self.caption_of = torch.tensor([index[caption] for caption in views.captions], device=device)
        self.render_px = render_px
        self.found = found or no_views(len(rgba), device)

    def __len__(self) -> int:
        return len(self.rgba)

    def draw(
        self,
        batch_size: int,
        generator: torch.Generator,
        render_px: int | None = None,
        distributed: DistributedContext | None = None,
        *,
        give_views: bool = False,
    ) -> Batch:
        """Random batch, with replacement.

        Args:
            batch_size: Size of the whole batch.
            generator: Source of the rows.
            render_px: Size of the targets; the store's if ``None``.
            distributed: Selects this process's rows of the batch; all rows if ``None``.
            give_views: Whether images with a certain view are rendered at it.
        """
        rows = torch.randint(len(self), (batch_size,), generator=generator, device=generator.device)
        rows = rows if distributed is None else distributed.local_rows(rows)
        return self.take(rows, render_px, give_views=give_views)

    def take(self, index: Int[Tensor, "b"], render_px: int | None = None, *, give_views: bool = False) -> Batch:
        """Batch of the given rows, with targets of ``render_px`` pixels, or of the store's size if ``None``."""
        render_px = render_px or self.render_px
        rgba = self.rgba[index.to(self.rgba.device)].permute(0, 3, 1, 2).contiguous()
        images, masks = composite_on_white(rgba.to(self.device))
        index = index.to(self.device)
        return Batch(
            images=images,
            targets=resize(images, render_px),
            masks=resize(masks, render_px).squeeze(1),
            captions=self.caption_of[index],
            found_azimuth=self.found.azimuth[index],
            found_elevation=self.found.elevation[index],
            view_is_given=self.found.is_certain[index] & give_views,
        )


def _fits(rgba: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return rgba.nbytes <= GPU_MEMORY_FRACTION * free_bytes
