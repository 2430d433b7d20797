"""Where in its training a run goes from small renders to those of full size."""

from collections.abc import Mapping
from dataclasses import dataclass

from shelfnet.report.runs import Runs
from shelfnet.training.description import RunDescription, read_run_description


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


def read_render_switches(runs: Runs) -> Switches:
    """The switches that the ``model.json`` of every run tells of, whatever the present settings say.

    Raises:
        DescriptionError: one is missing or damaged, or lacks a key.
    """
    found = {name: [_switch(read_run_description(run.folder)) for run in own] for name, own in runs.items()}
    return {name: frozenset(switch for switch in own if switch is not None) for name, own in found.items()}


def _switch(run: RunDescription) -> RenderSwitch | None:
    """Of one run; ``None`` where it ended before, or has one size from the first iteration."""
    switches = 0 < run.coarse_iterations < run.iterations and run.coarse_px != run.resolution_px
    return RenderSwitch(run.coarse_iterations, run.resolution_px) if switches else None
