"""shelfnet: one photo of a piece of furniture to a mesh, learned from photos and masks alone."""

__version__ = "0.1.0"
