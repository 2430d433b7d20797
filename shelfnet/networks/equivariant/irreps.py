"""Lists of irreps: which channels of a field turn together, and how."""

from typing import cast

import torch
from e3nn import o3
from jaxtyping import Int
from torch import Tensor

FEWEST_COPIES = (4, 2, 1)
"""Multiplicities of degrees 0, 1, 2 below which halving stops."""


def as_irreps(irreps: o3.Irreps | str) -> o3.Irreps:
    """Parse what e3nn accepts, such as ``"16x0e + 8x1o"``."""
    return cast(o3.Irreps, o3.Irreps(irreps))


def natural_irreps(multiplicities: tuple[int, int, int], level: int = 0) -> o3.Irreps:
    """Scalars, vectors and degree-2 tensors of natural parity, halved ``level`` times but never below 4, 2, 1.

    A multiplicity that starts below its floor stays as it is.
    """
    copies = [max(mul >> level, min(mul, floor)) for mul, floor in zip(multiplicities, FEWEST_COPIES, strict=True)]
    return as_irreps("{}x0e + {}x1o + {}x2e".format(*copies))


def copy_of_channel(irreps: o3.Irreps) -> Int[Tensor, " c"]:
    """Running number of the irrep copy that each channel belongs to."""
    components = torch.tensor([ir.dim for mul, ir in irreps for _ in range(mul)])
    return torch.arange(len(components)).repeat_interleave(components)
