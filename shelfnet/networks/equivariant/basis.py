"""Convolution kernels that commute with rotations and reflections, sampled on a voxel lattice.

A kernel K from irrep ``ir_in`` to irrep ``ir_out`` is equivariant if K(R t) = D_out(R) K(t) D_in(R)^T for every
rotation or reflection R and every offset t. All such kernels are sums of a radial function times a spherical harmonic
of t, contracted with a Wigner 3j symbol; this module samples a finite set of them.

Fields are ``b c z y x`` grids, but the components of a vector (``1o``) are ordered (x, y, z), the order in which e3nn
takes positions and returns the harmonics of degree 1.
"""

import math
from functools import cache

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

RING_WIDTH_VOXELS = 0.45
"""Standard deviation of a Gaussian ring: the width with which smooth fields bear arbitrary rotations best."""


@cache
def kernel_basis(ir_in: o3.Irrep, ir_out: o3.Irrep, kernel_size: int) -> Float[Tensor, "n o i k k k"]:
    """Sample every basis kernel between two irreps on a lattice of ``kernel_size`` points per side, in float64.

    Elements are normalised so that neither white nor constant input of variance one gives components of mean variance
    above one. The tensor is cached, so callers must not write to it.

    Args:
        ir_in: irrep of the input field.
        ir_out: irrep of the output field.
        kernel_size: taps along a side, odd.

    Returns:
        ``n`` kernels (output component, input component, z, y, x); ``n`` is 0 where no kernel connects the irreps.

    Raises:
        ValueError: ``kernel_size`` is even, so that no voxel is the centre.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size: expected a positive odd number of taps, got {kernel_size}")
    kernels = [
        _kernel(ir_in, ir_out, degree, radius, kernel_size)
        for degree in _degrees(ir_in, ir_out)
        for radius in range(kernel_size // 2 + 1)
        if degree <= 2 * radius  # what the few taps of a small ring can tell apart
    ]
    if not kernels:
        return torch.zeros(0, ir_out.dim, ir_in.dim, *[kernel_size] * 3, dtype=torch.float64)
    return torch.stack(kernels)


def tap_interpolation(kernel_size: int, upsampling: int) -> Float[Tensor, "p t k"]:
    """Weights that turn a kernel on a linearly upsampled line into one kernel a phase on the coarse line, in float64.

    Convolving after an interpolation is itself a convolution of the coarse samples, with other taps for each of the
    ``upsampling`` positions of a fine sample inside its coarse cell. Beyond the border the coarse samples are zero.

    Returns:
        Phase, coarse tap, fine tap. An upsampling by 1 gives the identity.
    """
    phase = torch.arange(upsampling, dtype=torch.float64)[:, None, None]
    fine = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2
    position = (phase + fine + 0.5) / upsampling - 0.5  # in coarse cells, cell centres at integers
    reach = math.ceil(position.abs().max().item())
    coarse = torch.arange(-reach, reach + 1, dtype=torch.float64)[:, None]
    return (1.0 - (coarse - position).abs()).clamp(min=0.0)


def lattice_offsets(kernel_size: int) -> Float[Tensor, "k k k 3"]:
    """Offsets (x, y, z), in voxels, of the taps of a kernel that is indexed z, y, x."""
    steps = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def radial_profile(distance: Float[Tensor, "*s"], radius: int) -> Float[Tensor, "*s"]:
    """The centre alone for radius 0, else a Gaussian ring around ``radius``; both in voxels."""
    if radius == 0:
        return (distance == 0).to(distance)
    return torch.exp(-0.5 * ((distance - radius) / RING_WIDTH_VOXELS) ** 2)


def _degrees(ir_in: o3.Irrep, ir_out: o3.Irrep) -> list[int]:
    """Degrees l of the harmonics (parity (-1)^l) in the product of both irreps."""
    return [ir.l for ir in ir_in * ir_out if ir.p == (-1) ** ir.l]


def _kernel(
    ir_in: o3.Irrep, ir_out: o3.Irrep, degree: int, radius: int, kernel_size: int
) -> Float[Tensor, "o i k k k"]:
    offsets = lattice_offsets(kernel_size)
    distance = offsets.norm(dim=-1)
    # The centre has no direction: there, harmonics of a degree above 0 are zero.
    harmonics = o3.spherical_harmonics(degree, offsets, normalize=True, normalization="component")
    coupling = o3.wigner_3j(ir_in.l, degree, ir_out.l, dtype=torch.float64)
    kernel = torch.einsum("imo,zyxm,zyx->oizyx", coupling, harmonics, radial_profile(distance, radius))
    gain_white, gain_constant = kernel.square().sum(), kernel.sum(dim=(2, 3, 4)).square().sum()
    return kernel * torch.rsqrt(torch.maximum(gain_white, gain_constant) / ir_out.dim)
