"""Training images on white with their masks, shrunk to the sizes at which discovery compares them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from shelfnet.discovery.framing import Framing
from shelfnet.networks.compositing import composite_on_white

CHUNK_IMAGES = 512
"""Number of images at full size that are in memory at once."""


class ImagePyramid:
    """Images and masks of a collection at several sizes, as bytes.

    Args:
        rgba: Images with straight alpha, for instance mapped from a file.
        rows: Rows of ``rgba`` that form the collection.
        sizes_px: Sizes in pixels per side.
        device: Device of the images.
        align: Whether images are aligned to the mean framing of the collection.

    Attributes:
        framing: Framing that images are aligned to, and renders before they are compared with them, if any.
    """

    def __init__(
        self,
        rgba: UInt8[np.ndarray, "n h w 4"],
        rows: Int[np.ndarray, "m"],
        sizes_px: Sequence[int],
        device: torch.device,
        *,
        align: bool = False,
    ) -> None:
        self.device = device
        chunks = [rows[first : first + CHUNK_IMAGES] for first in range(0, len(rows), CHUNK_IMAGES)]
        masks = (torch.from_numpy(rgba[chunk][..., 3]).to(device) / 255.0 for chunk in chunks)
        self.framing = Framing.mean_of(masks) if align else None
        self.levels: dict[int, UInt8[Tensor, "m 4 p p"]] = {
            px: torch.empty(len(rows), 4, px, px, dtype=torch.uint8, device=device) for px in sorted(set(sizes_px))
        }
        first = 0
        for chunk in chunks:
            images = torch.from_numpy(rgba[chunk]).to(device).permute(0, 3, 1, 2)
            full = torch.cat(composite_on_white(images), dim=1)
            framed = full if self.framing is None else self.framing.align(full)
            for px, level in self.levels.items():
                shrunk = functional.interpolate(framed, (px, px), mode="area")
                level[first : first + len(chunk)] = (255.0 * shrunk).round().to(torch.uint8)
            first += len(chunk)

    def __len__(self) -> int:
        return len(next(iter(self.levels.values())))

    def take(self, rows: Int[Tensor, "b"], px: int) -> Float[Tensor, "b 4 p p"]:
        """RGB on white and mask in [0, 1] of some images at one of the sizes."""
        return self.levels[px][rows].float() / 255.0
