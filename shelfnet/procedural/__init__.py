"""Procedural furniture: a parametric generator that writes data sets in the 3D-FUTURE layout."""

from shelfnet.procedural.generate import generate_furniture

__all__ = ["generate_furniture"]
