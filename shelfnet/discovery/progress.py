"""Shapes after each finished stage of an interrupted discovery, from which it continues."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from shelfnet.discovery.shape_mixture import ShapeCamera, ShapeMixture
from shelfnet.publishing import complete_file

TENSORS = ("logits", "colours")


@dataclass(frozen=True)
class FinishedStage:
    """Shapes at the end of a stage.

    Attributes:
        number: Number of finished stages.
        logits: Occupancy logits.
        colours: Logits of RGB.
    """

    number: int
    logits: Float[Tensor, "k 1 g g g"]
    colours: Float[Tensor, "k 3 g g g"]

    def mixture(self, camera: ShapeCamera, generator: torch.Generator) -> ShapeMixture:
        """The shapes with a fresh optimiser, on the device of the generator."""
        logits, colours = (grid.to(generator.device) for grid in (self.logits, self.colours))
        return ShapeMixture(logits, colours, camera, generator)


class Progress:
    """The file with the latest finished stage of one collection.

    Args:
        path: The file.
        signature: Digest of everything that decides the result; a stage with another one is not continued.
    """

    def __init__(self, path: Path, signature: str) -> None:
        self.path, self.signature = path, signature

    def load(self) -> FinishedStage | None:
        """The latest finished stage; ``None`` if there is none, or if it is damaged or has another signature."""
        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("signature") != self.signature:
                    return None
                tensors = [file.get_tensor(name) for name in TENSORS]
                return FinishedStage(int(metadata["stage"]), *tensors)
        except (OSError, KeyError, ValueError, SafetensorError):
            return None

    def save(self, stage: FinishedStage) -> None:
        """Replace the file."""
        tensors = {name: getattr(stage, name).detach().cpu().contiguous() for name in TENSORS}
        with complete_file(self.path) as temporary:
            save_file(tensors, temporary, {"signature": self.signature, "stage": str(stage.number)})
