"""A convolution at twice its input's resolution that never makes the fine input."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_CONVOLVE = {2: functional.conv2d, 3: functional.conv3d}
_UPSAMPLE_MODE = {2: "bilinear", 3: "trilinear"}


def upsample(x: Float[Tensor, "b c *coarse"]) -> Float[Tensor, "b c *fine"]:
    """Twice the resolution, linear, cell centres kept."""
    return functional.interpolate(x, scale_factor=2, mode=_UPSAMPLE_MODE[x.ndim - 2], align_corners=False)


def upsample_conv(
    x: Float[Tensor, "b c *coarse"], weight: Float[Tensor, "o c *kernel"], bias: Float[Tensor, "o"] | None = None
) -> Float[Tensor, "b o *fine"]:
    """``conv(upsample(x), weight, bias, padding=1)`` for a kernel of three, by the cheaper of two ways.

    Linear doubling, shift by a tap and zero border act on one axis at a time. So channels may be mixed first, on the
    coarse grid, with 4 (8 in 3D) times fewer products; what remains is one small matrix an axis (:func:`axis_taps`).
    On large grids that matrix costs more than it saves.

    Args:
        x: two or three spatial axes, all of one length.
        weight: three taps along every axis.
        bias: added to the output channels.
    """
    if x.shape[-1] > 2 * x.shape[1]:
        return _CONVOLVE[x.ndim - 2](upsample(x), weight, bias, padding=1)
    taps = axis_taps(x.shape[-1], weight.dtype, x.device)
    out = _separable_2d(x, weight, taps) if x.ndim == 4 else _separable_3d(x, weight, taps)
    return out if bias is None else out + bias.to(out.dtype).reshape(-1, *[1] * (x.ndim - 2))


@torch.compiler.assume_constant_result
@cache
def axis_taps(size: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "3 fine coarse"]:
    """What a coarse axis of ``size`` cells gives to every fine cell through each of three taps.

    Row ``i`` of tap ``t`` interpolates the coarse cells at the fine cell ``i + t - 1``, and is zero where that lies
    outside the axis.
    """
    interpolation = functional.interpolate(
        torch.eye(size, dtype=torch.float64)[:, None], scale_factor=2, mode="linear", align_corners=False
    )[:, 0].T
    padded = functional.pad(interpolation, (0, 0, 1, 1))
    return torch.stack([padded[tap : tap + 2 * size] for tap in range(3)]).to(device, dtype)


def _separable_3d(x: Tensor, weight: Tensor, taps: Tensor) -> Float[Tensor, "b o Z Y X"]:
    mixed = torch.einsum("octuv,bczyx->botuvzyx", weight, x)
    along_x = torch.einsum("botuvzyx,vXx->botuzyX", mixed, taps)
    along_y = torch.einsum("botuzyX,uYy->botzYX", along_x, taps)
    return torch.einsum("botzYX,tZz->boZYX", along_y, taps)


def _separable_2d(x: Tensor, weight: Tensor, taps: Tensor) -> Float[Tensor, "b o Y X"]:
    mixed = torch.einsum("ocuv,bcyx->bouvyx", weight, x)
    along_x = torch.einsum("bouvyx,vXx->bouyX", mixed, taps)
    return torch.einsum("bouyX,uYy->boYX", along_x, taps)
