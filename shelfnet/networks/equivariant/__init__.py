"""SE(3)-equivariant decoder: steerable 3D convolutions and gates (section 2.4, Eq. 10).

This package is the only one that imports e3nn.
"""
