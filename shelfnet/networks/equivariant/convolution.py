"""Style-modulated convolution that is equivariant to rotations and reflections of voxel grids."""

import torch
from e3nn import o3
from jaxtyping import Float, Int
from torch import Tensor, nn

from shelfnet.networks.equivariant.basis import kernel_basis, tap_interpolation
from shelfnet.networks.equivariant.irreps import as_irreps, copy_of_channel

EPSILON = 1e-8


class EquivariantConv(nn.Module):
    """Modulated, demodulated equivariant 3D convolution: f(rho x) = rho f(x) (Eq. 10).

    Modulation scales each copy of an input irrep; demodulation divides each copy of an output irrep by the norm of its
    modulated kernel. Both act on whole irreps, so equivariance holds for every style. As in
    :class:`~shelfnet.networks.modulated.ModulatedConv`, one shared convolution replaces per-sample kernels.

    Trilinear upsampling about the grid's centre is fused into the kernel, which has one set of taps per phase, the
    position of a fine voxel inside its coarse voxel.

    Args:
        irreps_in: Fields of the input, such as ``"16x0e + 8x1o"``; the components of a copy are adjacent channels.
        irreps_out: Fields of the output.
        kernel_size: Taps per side, odd; the input is zero-padded.
        latent_dim: Length of the style vector.
        upsampling: Integer ratio of the output's resolution to the input's.
        demodulate: Whether to normalise the output to unit variance.
    """

    copy_in: Tensor
    copy_out: Tensor
    components: Tensor

    def __init__(
        self,
        irreps_in: o3.Irreps | str,
        irreps_out: o3.Irreps | str,
        kernel_size: int,
        latent_dim: int,
        upsampling: int = 1,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        self.irreps_in = as_irreps(irreps_in)
        self.irreps_out = as_irreps(irreps_out)
        # Plain integers, since torch.compile does not trace e3nn's classes.
        self.copies_in = self.irreps_in.num_irreps
        self.copies_out = self.irreps_out.num_irreps
        self.upsampling = upsampling
        self.demodulate = demodulate
        self.kernel = EquivariantKernel(self.irreps_in, self.irreps_out, kernel_size, upsampling)
        self.affine = nn.Linear(latent_dim, self.irreps_in.num_irreps)
        nn.init.normal_(self.affine.weight, std=latent_dim**-0.5)
        nn.init.ones_(self.affine.bias)
        self.bias = ScalarBias(self.irreps_out)
        self.register_buffer("copy_in", copy_of_channel(self.irreps_in), persistent=False)
        self.register_buffer("copy_out", copy_of_channel(self.irreps_out), persistent=False)
        self.register_buffer("components", torch.bincount(self.copy_out)[:, None], persistent=False)

    def forward(self, x: Float[Tensor, "b c z y x"], style: Float[Tensor, "b d"]) -> Float[Tensor, "b k fz fy fx"]:
        """Convolve the fields ``x``, modulated by ``style``."""
        kernel = self.kernel()
        scales = self.affine(style)
        modulated = x * _per_channel(scales, self.copy_in)
        phases = nn.functional.conv3d(modulated, kernel.flatten(0, 1), padding=kernel.shape[-1] // 2)
        y = interleave(phases, self.upsampling)
        if self.demodulate:
            y = y * _per_channel(self.demodulation(kernel, scales), self.copy_out)
        return self.bias(y)

    def demodulation(self, kernel: Float[Tensor, "k p c t t t"], scales: Float[Tensor, "b v"]) -> Float[Tensor, "b u"]:
        """Inverse norm of the modulated kernel of each output copy, averaged over its components and the phases.

        Args:
            kernel: Kernel without modulation.
            scales: Scale of each copy of an input irrep.
        """
        energy = kernel.square().sum(dim=(3, 4, 5)).mean(dim=1)
        energy = _sum_copies(energy, self.copy_in, self.copies_in, dim=1)
        energy = _sum_copies(energy, self.copy_out, self.copies_out, dim=0)
        return torch.rsqrt(scales.square() @ (energy / self.components).T + EPSILON)


class EquivariantKernel(nn.Module):
    """Learned kernel between two lists of irreps, parametrised in the basis of equivariant kernels."""

    def __init__(self, irreps_in: o3.Irreps, irreps_out: o3.Irreps, kernel_size: int, upsampling: int) -> None:
        super().__init__()
        self.rows = nn.ModuleList(KernelRow(irreps_in, target, kernel_size, upsampling) for target in irreps_out)

    def forward(self) -> Float[Tensor, "k p c t t t"]:
        """Kernel with axes output channel, phase, input channel, z, y, x."""
        return torch.cat([row() for row in self.rows])


class KernelRow(nn.Module):
    """Kernels from all input irreps to the copies of one output irrep, initialised for unit output variance."""

    def __init__(self, irreps_in: o3.Irreps, target: tuple[int, o3.Irrep], kernel_size: int, upsampling: int) -> None:
        super().__init__()
        copies_out, ir_out = target
        sources = [(mul, kernel_basis(ir, ir_out, kernel_size)) for mul, ir in irreps_in]
        fan_in = sum(mul * len(basis) for mul, basis in sources)
        self.blocks = nn.ModuleList(
            KernelBlock(basis, mul, copies_out, upsampling, fan_in**-0.5) for mul, basis in sources
        )

    def forward(self) -> Float[Tensor, "k p c t t t"]:
        """Kernel of the output irrep's channels."""
        return torch.cat([block() for block in self.blocks], dim=2)


class KernelBlock(nn.Module):
    """Kernels from the copies of one irrep to the copies of another: learned weights times a fixed basis."""

    basis: Tensor

    def __init__(
        self, basis: Float[Tensor, "n o i k k k"], copies_in: int, copies_out: int, upsampling: int, std: float
    ) -> None:
        super().__init__()
        line = tap_interpolation(basis.shape[-1], upsampling)
        phased = torch.einsum("pau,qbv,rcw,noiuvw->nopqriabc", line, line, line, basis).flatten(2, 4)
        self.register_buffer("basis", phased.to(torch.get_default_dtype()), persistent=False)
        self.weight = nn.Parameter(std * torch.randn(len(basis), copies_out, copies_in))

    def forward(self) -> Float[Tensor, "k p c t t t"]:
        """Kernel in which the components of a copy are adjacent channels."""
        kernel = torch.einsum("nuv,nopiabc->uopviabc", self.weight, self.basis)
        return kernel.flatten(3, 4).flatten(0, 1)


class ScalarBias(nn.Module):
    """Learned bias of the invariant scalars (``0e``). A bias of other irreps would break equivariance."""

    channels: Tensor

    def __init__(self, irreps: o3.Irreps) -> None:
        super().__init__()
        invariant = torch.cat([torch.full((mul * ir.dim,), ir.is_scalar()) for mul, ir in irreps])
        self.register_buffer("channels", invariant.nonzero().flatten(), persistent=False)
        self.n_channels = irreps.dim
        self.offsets = nn.Parameter(torch.zeros(len(self.channels)))

    def forward(self, x: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b c z y x"]:
        """Add the bias to the scalar channels of ``x``."""
        offsets = self.offsets.new_zeros(self.n_channels).index_copy(0, self.channels, self.offsets)
        return x + offsets[:, None, None, None]


def interleave(phases: Float[Tensor, "b kp z y x"], upsampling: int) -> Float[Tensor, "b k fz fy fx"]:
    """Move the phases of every channel (``upsampling`` per axis, ordered z, y, x) to their places on the fine grid."""
    b, _, *size = phases.shape
    split = phases.reshape(b, -1, upsampling, upsampling, upsampling, *size)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, -1, *(upsampling * n for n in size))


def _per_channel(factors: Float[Tensor, "b v"], copies: Int[Tensor, " c"]) -> Float[Tensor, "b c 1 1 1"]:
    return factors[:, copies, None, None, None]


def _sum_copies(
    values: Float[Tensor, "k c"], copies: Int[Tensor, " n"], n_copies: int, dim: int
) -> Float[Tensor, "u v"]:
    shape = list(values.shape)
    shape[dim] = n_copies
    return values.new_zeros(shape).index_add(dim, copies, values)
