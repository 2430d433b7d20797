"""The trained models of a report: those with rows in the tables, whatever other files are in the results.

Snakemake does not delete what an earlier run with more seeds, parts or shards has left. So no function here lists
folders: seeds and stages come from the rows of the tables, numbers of parts and shards from the settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from shelfnet.config.load import for_ablation
from shelfnet.config.schema import Config
from shelfnet.evaluation.comparison import STAGES
from shelfnet.evaluation.predictions import read_predictions
from shelfnet.evaluation.results import Tables
from shelfnet.networks.checkpoint import RunDescription, read_run_description
from shelfnet.training.curves import read_curves as read_run_curves

CURVE_COLUMNS = ("ablation", "seed", "iteration", "name", "value")


class RunsError(ValueError):
    """The tables contradict themselves about a run; the message names it."""


@dataclass(frozen=True)
class EvaluatedRun:
    """A trained model whose predictions were evaluated.

    Attributes:
        ablation: Name of the ablation.
        seed: Seed of the run.
        folder: ``{ablation}/seed{seed}`` in the results.
        stages: Evaluated stages in their order.
        parts: Number of folders with the meshes of a stage.
        alignment_deg: Rotation about +Y from the learned frame to the object frame.
    """

    ablation: str
    seed: int
    folder: Path
    stages: tuple[str, ...]
    parts: int
    alignment_deg: float

    @cached_property
    def description(self) -> RunDescription:
        """``model.json`` of the run.

        Raises:
            CheckpointError: The file is missing or damaged, or lacks a key.
        """
        return read_run_description(self.folder)


Runs = Mapping[str, Sequence[EvaluatedRun]]
"""Runs by ablation, in the order of their seeds."""


def evaluated_runs(config: Config, results: Path, tables: Tables) -> dict[str, list[EvaluatedRun]]:
    """Runs with rows in the tables.

    Args:
        config: The whole tree.
        results: Folder of the results.
        tables: Rows of ``chamfer.csv`` by ablation.

    Raises:
        RunsError: The rows of one seed have several alignments.
    """
    return {
        name: [
            EvaluatedRun(
                ablation=name,
                seed=int(str(seed)),
                folder=results / name / f"seed{seed}",
                stages=tuple(stage for stage in STAGES if stage in set(rows["stage"])),
                parts=for_ablation(config, name).reconstruct.parts,
                alignment_deg=_alignment_deg(rows, f"{name}, seed {seed}"),
            )
            for seed, rows in table.groupby("seed", sort=True)
        ]
        for name, table in tables.items()
    }


def _alignment_deg(rows: pd.DataFrame, run: str) -> float:
    """Rotation about +Y of one trained model; 0 where none was fitted."""
    angles = rows["alignment_deg"].unique()
    if len(angles) != 1:
        raise RunsError(f"{run}: expected one alignment_deg in all rows, got {len(angles)}")
    return float(np.nan_to_num(angles[0]))


@dataclass(frozen=True, order=True)
class ResolutionSwitch:
    """A change of the resolution of the renders during training.

    Attributes:
        iteration: Last iteration before the change.
        resolution_px: Side of the renders after it.
    """

    iteration: int
    resolution_px: int


ResolutionSwitches = Mapping[str, frozenset[ResolutionSwitch]]
"""Switches of the runs of each ablation; empty for runs with one resolution."""


def resolution_switches(runs: Runs) -> ResolutionSwitches:
    """Switches according to each run's ``model.json``, whatever the present settings are.

    Raises:
        CheckpointError: A ``model.json`` is missing or damaged, or lacks a key.
    """
    return {
        name: frozenset(switch for run in of_ablation if (switch := _resolution_switch(run.description)) is not None)
        for name, of_ablation in runs.items()
    }


def _resolution_switch(run: RunDescription) -> ResolutionSwitch | None:
    train, full_px = run.train, run.model.renderer.resolution_px
    if 0 < train.coarse_iterations < run.iterations and train.coarse_px != full_px:
        return ResolutionSwitch(train.coarse_iterations, full_px)
    return None


def read_curves(runs: Runs) -> pd.DataFrame:
    """Training and validation curves of all runs, with the columns :data:`CURVE_COLUMNS`.

    Raises:
        CurvesError: A table is missing or damaged, or lacks a column.
    """
    tables = [read_run_curves(run.folder).assign(ablation=run.ablation, seed=run.seed) for run in each_run(runs)]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(CURVE_COLUMNS))


def aligned_predictions(run: EvaluatedRun) -> pd.DataFrame:
    """Predictions of all stages with the path of each ``mesh`` and the run's ``alignment_deg``.

    Raises:
        PredictionsError: A table is missing or damaged, lacks a column, or has a view twice.
    """
    tables = [
        read_predictions([run.folder / stage / f"part-{part}" for part in range(run.parts)], stage)
        for stage in run.stages
    ]
    return pd.concat(tables, ignore_index=True).assign(alignment_deg=run.alignment_deg)


def each_run(runs: Runs) -> Iterator[EvaluatedRun]:
    """All runs of all ablations."""
    return (run for of_ablation in runs.values() for run in of_ablation)


def shard_paths(config: Config, results: Path) -> list[Path]:
    """Shards of images."""
    return [results / "renders" / f"shard-{shard:04d}.parquet" for shard in range(config.render.shards)]


def quarantine_paths(config: Config, results: Path) -> list[Path]:
    """Existing tables of refused models: one of the catalogue, and one per shard of images and surfaces."""
    stages = ["renders", *(["surfaces"] if config.dataset.has_truth else [])]
    shards = range(config.render.shards)
    paths = [results / stage / f"quarantine-{shard:04d}.csv" for stage in stages for shard in shards]
    return [path for path in [results / "catalogue" / "quarantine.csv", *paths] if path.is_file()]
