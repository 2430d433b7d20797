"""Random backgrounds for renders on white."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

BackgroundFn = Callable[[int, tuple[int, int], torch.Generator, torch.device], Tensor]
"""Draws backgrounds ``b 3 h w`` in [0, 1] from batch size, height and width, generator and device."""


def composite_over_backgrounds(
    images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"], kinds: tuple[str, ...], generator: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Replace the white behind each image by a background of a random kind.

    All kinds are drawn for all images, so the host does not wait for the choice.
    """
    if kinds == ("white",):
        return images
    batch, _, height, width = images.shape
    chosen = torch.randint(len(kinds), (batch,), generator=generator, device=generator.device)
    drawn = torch.stack([BACKGROUNDS[kind](batch, (height, width), generator, images.device) for kind in kinds])
    background = drawn[chosen.to(images.device), torch.arange(batch, device=images.device)]
    return images + (1.0 - masks[:, None]) * (background - 1.0)


def _white(batch: int, size: tuple[int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.ones((batch, 3, *size), device=device)


def _noise(batch: int, size: tuple[int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand((batch, 3, *size), generator=generator, device=device)


def _checker(batch: int, size: tuple[int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    colours = torch.rand((2, batch, 3, 1, 1), generator=generator, device=device)
    cells = torch.randint(2, 9, (batch, 1), generator=generator, device=device)
    height, width = size
    rows, columns = (
        torch.arange(pixels, device=device) // (pixels // cells).clamp(min=1) for pixels in (height, width)
    )
    even = (rows[:, :, None] + columns[:, None, :]) % 2 == 0
    return torch.where(even[:, None], colours[0], colours[1])


def _blurred_noise(batch: int, size: tuple[int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    coarse = torch.rand((batch, 3, 4, 4), generator=generator, device=device)
    return functional.interpolate(coarse, size, mode="bicubic", align_corners=False).clamp(0.0, 1.0)


BACKGROUNDS: dict[str, BackgroundFn] = {
    "white": _white,
    "noise": _noise,
    "checker": _checker,
    "blurred_noise": _blurred_noise,
}
