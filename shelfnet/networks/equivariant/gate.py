"""Equivariant gated non-linearity: scalars gate the norm of vectors and tensors."""

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.networks.equivariant.irreps import as_irreps

SILU_GAIN = 1.6765
"""1 / sqrt(E[silu(x)^2]) for x ~ N(0, 1), which preserves the second moment."""

SIGMOID_GAIN = 1.8462
"""1 / sqrt(E[sigmoid(x)^2]) for x ~ N(0, 1)."""


class GatedNonlinearity(nn.Module):
    """SiLU on invariant scalars; each copy of another irrep is multiplied by the sigmoid of its gate.

    Args:
        irreps_out: Output fields. The input fields ``irreps_in`` are one gate (``0e``) per copy in ``irreps_out`` that
            is not an invariant scalar, followed by ``irreps_out``.
    """

    def __init__(self, irreps_out: o3.Irreps | str):
        super().__init__()
        self.irreps_out = as_irreps(irreps_out)
        self.n_gates = sum(mul for mul, ir in self.irreps_out if not ir.is_scalar())
        self.irreps_in = as_irreps(f"{self.n_gates}x0e + {self.irreps_out}").remove_zero_multiplicities()
        # Plain integers, since torch.compile does not trace e3nn's classes.
        self.fields = [(mul, ir.dim, ir.is_scalar()) for mul, ir in self.irreps_out]

    def forward(self, x: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b k z y x"]:
        """Map fields ``irreps_in`` to ``irreps_out``."""
        gates, *chunks = x.split([self.n_gates, *(copies * components for copies, components, _ in self.fields)], dim=1)
        gates = SIGMOID_GAIN * torch.sigmoid(gates)
        gated, used = [], 0
        for chunk, (mul, components, is_scalar) in zip(chunks, self.fields, strict=True):
            if is_scalar:
                gated.append(SILU_GAIN * nn.functional.silu(chunk))
                continue
            copies = chunk.unflatten(1, (mul, components)) * gates[:, used : used + mul, None]
            gated.append(copies.flatten(1, 2))
            used += mul
        return torch.cat(gated, dim=1)
