"""A parametric furniture generator that writes the layout of 3D-FUTURE."""

from shelfnet.procedural.generate import generate_showroom

__all__ = ["generate_showroom"]
