"""SE(3)-equivariant decoder: steerable 3D convolutions and gates (section 2.4, Eq. 10).

This package is the only one that imports e3nn.
"""

from shelfnet.networks.equivariant.basis import kernel_basis
from shelfnet.networks.equivariant.convolution import EquivariantConv
from shelfnet.networks.equivariant.decoder import EquivariantBlock, EquivariantDecoder
from shelfnet.networks.equivariant.gate import GatedNonlinearity
from shelfnet.networks.equivariant.irreps import natural_irreps

__all__ = [
    "EquivariantBlock",
    "EquivariantConv",
    "EquivariantDecoder",
    "GatedNonlinearity",
    "kernel_basis",
    "natural_irreps",
]
