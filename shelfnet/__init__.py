"""shelfnet: one photo of a piece of furniture to a mesh, learned from photos and masks alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shelfnet.geometry.meshes import Mesh
    from shelfnet.prediction.predictor import Predictor

__version__ = "0.1.0"

__all__ = ["Mesh", "Predictor", "__version__"]

_MODULES = {"Mesh": "shelfnet.geometry.meshes", "Predictor": "shelfnet.prediction.predictor"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562), so that ``import shelfnet`` does not import torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
