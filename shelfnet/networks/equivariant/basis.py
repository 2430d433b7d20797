"""Basis of O(3)-equivariant convolution kernels on a voxel lattice.

A kernel K from irrep ``ir_in`` to irrep ``ir_out`` is equivariant if K(R t) = D_out(R) K(t) D_in(R)^T for every
rotation or reflection R and every offset t. All such kernels are sums of products of a radial function and a spherical
harmonic of t, contracted with a Wigner 3j symbol. This module samples a finite set of them.

Fields are ``b c z y x`` grids. The components of a vector (``1o``) are ordered (x, y, z), as in e3nn.
"""

import math
from collections.abc import Iterable
from functools import cache
from typing import cast

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

RING_WIDTH_VOXELS = 0.45
"""Standard deviation of a Gaussian ring; this value minimises the equivariance error of smooth fields."""


@cache
def kernel_basis(ir_in: o3.Irrep, ir_out: o3.Irrep, kernel_size: int) -> Float[Tensor, "n o i k k k"]:
    """Basis kernels between two irreps on a cubic lattice, in float64.

    Kernels are normalised so that white or constant input of unit variance gives components of mean variance at most
    one. The tensor is cached and must not be modified.

    Args:
        ir_in: Irrep of the input field.
        ir_out: Irrep of the output field.
        kernel_size: Taps per side, odd.

    Returns:
        ``n`` kernels with axes output component, input component, z, y, x. ``n`` is 0 if no kernel connects the irreps.
    """
    kernels = [
        _kernel(ir_in, ir_out, degree, radius, kernel_size)
        for degree in _degrees(ir_in, ir_out)
        for radius in range(kernel_size // 2 + 1)
        if degree <= 2 * radius  # higher degrees alias on the few taps of a small ring
    ]
    if not kernels:
        return torch.zeros(0, ir_out.dim, ir_in.dim, *[kernel_size] * 3, dtype=torch.float64)
    return torch.stack(kernels)


def tap_interpolation(kernel_size: int, upsampling: int) -> Float[Tensor, "p t k"]:
    """Weights that convert a kernel on a linearly upsampled axis into one coarse kernel per phase, in float64.

    A convolution after interpolation equals a convolution of the coarse samples with different taps for each phase, the
    position of a fine sample inside its coarse cell. Coarse samples outside the axis are zero.

    Returns:
        Weights with axes phase, coarse tap, fine tap; the identity for ``upsampling=1``.
    """
    phase = torch.arange(upsampling, dtype=torch.float64)[:, None, None]
    fine = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2
    position = (phase + fine + 0.5) / upsampling - 0.5  # in coarse cells, with cell centres at integers
    reach = math.ceil(position.abs().max().item())
    coarse = torch.arange(-reach, reach + 1, dtype=torch.float64)[:, None]
    return (1.0 - (coarse - position).abs()).clamp(min=0.0)


def lattice_offsets(kernel_size: int) -> Float[Tensor, "k k k 3"]:
    """Offsets (x, y, z) in voxels of the taps of a kernel indexed z, y, x."""
    steps = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def radial_profile(distance: Float[Tensor, "*s"], radius: int) -> Float[Tensor, "*s"]:
    """Radial function: the centre voxel for radius 0, otherwise a Gaussian around ``radius``, in voxels."""
    if radius == 0:
        return (distance == 0).to(distance)
    return torch.exp(-0.5 * ((distance - radius) / RING_WIDTH_VOXELS) ** 2)


def _degrees(ir_in: o3.Irrep, ir_out: o3.Irrep) -> list[int]:
    """Degrees l of the spherical harmonics, which have parity (-1)^l, in the product of both irreps."""
    product = cast(Iterable[o3.Irrep], ir_in * ir_out)
    return [ir.l for ir in product if ir.p == (-1) ** ir.l]


def _kernel(
    ir_in: o3.Irrep, ir_out: o3.Irrep, degree: int, radius: int, kernel_size: int
) -> Float[Tensor, "o i k k k"]:
    offsets = lattice_offsets(kernel_size)
    distance = offsets.norm(dim=-1)
    # At the centre, which has no direction, harmonics of degree above 0 are zero.
    harmonics = o3.spherical_harmonics(degree, offsets, normalize=True, normalization="component")
    coupling = o3.wigner_3j(ir_in.l, degree, ir_out.l, dtype=torch.float64)
    kernel = torch.einsum("imo,zyxm,zyx->oizyx", coupling, harmonics, radial_profile(distance, radius))
    gain_white, gain_constant = kernel.square().sum(), kernel.sum(dim=(2, 3, 4)).square().sum()
    return kernel * torch.rsqrt(torch.maximum(gain_white, gain_constant) / ir_out.dim)
