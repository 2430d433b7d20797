"""Where in its training a run goes from small renders to those of full size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelfnet.report.sources import run_descriptions


@dataclass(frozen=True, order=True)
class RenderSwitch:
    """A change of the size of the renders.

    Attributes:
        iteration: the last one before it.
        resolution_px: side of the renders that follow.
    """

    iteration: int
    resolution_px: int


Switches = Mapping[str, frozenset[RenderSwitch]]
"""Of the runs of each ablation; none where their renders keep one size."""


def read_render_switches(results: Path, ablations: Iterable[str]) -> Switches:
    """The switches that the ``model.json`` of every run tells of, whatever the present settings say."""
    return {name: frozenset(_switches(run_descriptions(results, name).values())) for name in ablations}


def _switches(descriptions: Iterable[Mapping[str, Any]]) -> list[RenderSwitch]:
    found = map(_switch, descriptions)
    return [switch for switch in found if switch is not None]


def _switch(described: Mapping[str, Any]) -> RenderSwitch | None:
    """Of one run; ``None`` where it ended before, or has one size from the first iteration."""
    train, renderer = described.get("train", {}), described.get("model", {}).get("renderer", {})
    iteration, resolution_px = train.get("coarse_iterations", 0), renderer.get("resolution_px")
    reached = 0 < iteration < described.get("iterations", 0)
    return RenderSwitch(iteration, resolution_px) if reached and train["coarse_px"] != resolution_px else None
