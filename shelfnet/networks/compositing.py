"""Images over a white background."""

from jaxtyping import Float, UInt8
from torch import Tensor


def composite_on_white(rgba: UInt8[Tensor, "b 4 h w"]) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
    """Images over white, and masks, in [0, 1], from RGBA bytes with straight alpha."""
    values = rgba.float() / 255.0
    alpha = values[:, 3:]
    return 1.0 - alpha * (1.0 - values[:, :3]), alpha
