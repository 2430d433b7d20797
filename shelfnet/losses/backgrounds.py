"""Random backgrounds behind renders on white."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Painter = Callable[[tuple[int, int, int], torch.Generator, torch.device], Tensor]


def over_backgrounds(
    images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"], kinds: tuple[str, ...], generator: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Replace the white behind pictures by a background drawn at random, for each picture, among ``kinds``."""
    if kinds == ("white",):
        return images
    batch, _, height, width = images.shape
    chosen = torch.randint(len(kinds), (batch,), generator=generator, device=generator.device).tolist()
    shape = (3, height, width)
    painted = torch.stack([PAINTERS[kinds[index]](shape, generator, images.device) for index in chosen])
    return images + (1.0 - masks[:, None]) * (painted - 1.0)


def _white(shape: tuple[int, int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.ones(shape, device=device)


def _noise(shape: tuple[int, int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(shape, generator=generator, device=device)


def _checker(shape: tuple[int, int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    colours = torch.rand((2, 3, 1, 1), generator=generator, device=device)
    cells = int(torch.randint(2, 9, (1,), generator=generator, device=generator.device))
    side = max(shape[1] // cells, 1)
    rows, columns = (torch.arange(size, device=device) // side for size in shape[1:])
    return torch.where((rows[:, None] + columns[None]) % 2 == 0, colours[0], colours[1])


def _blurred_noise(shape: tuple[int, int, int], generator: torch.Generator, device: torch.device) -> Tensor:
    coarse = torch.rand((1, 3, 4, 4), generator=generator, device=device)
    return functional.interpolate(coarse, shape[1:], mode="bicubic", align_corners=False)[0].clamp(0.0, 1.0)


PAINTERS: dict[str, Painter] = {
    "white": _white,
    "noise": _noise,
    "checker": _checker,
    "blurred_noise": _blurred_noise,
}
