"""Helpers for lists of irreps, which define how the channels of a field rotate."""

from typing import cast

import torch
from e3nn import o3
from jaxtyping import Int
from torch import Tensor

MIN_MULTIPLICITIES = (4, 2, 1)
"""Minimum multiplicities of degrees 0, 1, 2."""


def as_irreps(irreps: o3.Irreps | str) -> o3.Irreps:
    """Irreps from e3nn's notation, such as ``"16x0e + 8x1o"``."""
    return cast(o3.Irreps, o3.Irreps(irreps))


def natural_irreps(multiplicities: tuple[int, int, int], level: int = 0) -> o3.Irreps:
    """Scalars, vectors and degree-2 tensors of natural parity, halved ``level`` times but not below 4, 2, 1.

    Multiplicities that start below these minima are not changed.
    """
    copies = [max(mul >> level, min(mul, floor)) for mul, floor in zip(multiplicities, MIN_MULTIPLICITIES, strict=True)]
    return as_irreps("{}x0e + {}x1o + {}x2e".format(*copies))


def copy_of_channel(irreps: o3.Irreps) -> Int[Tensor, " c"]:
    """Index of the irrep copy of each channel."""
    components = torch.tensor([ir.dim for mul, ir in irreps for _ in range(mul)])
    return torch.arange(len(components)).repeat_interleave(components)
