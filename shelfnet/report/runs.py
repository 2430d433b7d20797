"""The trained models that a report is about: those whose rows the tables have, whatever else lies in the results.

Snakemake never deletes what an earlier run with more seeds, parts or shards has left. So nothing here looks around in
folders: seeds and stages come from the tables' own rows, numbers of parts and shards from the settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from shelfnet.config.load import for_ablation
from shelfnet.config.schema import Config
from shelfnet.evaluation.comparison import STAGES
from shelfnet.evaluation.predictions import read_predictions
from shelfnet.report.sources import SourceError, read_table

_CURVES = ("ablation", "seed", "iteration", "name", "value")


@dataclass(frozen=True)
class Run:
    """One trained model whose predictions were evaluated.

    Attributes:
        ablation: what it is a run of.
        seed: which run.
        folder: ``{ablation}/seed{seed}`` of the results.
        stages: whose meshes were evaluated, in their order.
        parts: folders that the meshes of a stage are in.
        alignment_deg: rotation about +Y that brings the learned frame into the object frame.
    """

    ablation: str
    seed: int
    folder: Path
    stages: tuple[str, ...]
    parts: int
    alignment_deg: float

    def part_folders(self, stage: str) -> list[Path]:
        """Where the meshes of a stage are."""
        return [self.folder / stage / f"part-{part}" for part in range(self.parts)]


Runs = Mapping[str, Sequence[Run]]
"""By ablation, in the order of their seeds."""


def evaluated_runs(config: Config, results: Path, tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Run]]:
    """The runs whose rows the tables have.

    Args:
        config: the whole tree.
        results: the tree of results.
        tables: rows of ``chamfer.csv`` by ablation.

    Raises:
        SourceError: the rows of one seed have several alignments.
    """
    return {
        name: [
            Run(
                ablation=name,
                seed=int(seed),
                folder=results / name / f"seed{seed}",
                stages=tuple(stage for stage in STAGES if stage in set(own["stage"])),
                parts=for_ablation(config, name).reconstruct.parts,
                alignment_deg=_alignment_deg(own, f"{name}, seed {seed}"),
            )
            for seed, own in table.groupby("seed", sort=True)
        ]
        for name, table in tables.items()
    }


def _alignment_deg(rows: pd.DataFrame, run: str) -> float:
    """Rotation about +Y of one trained model; 0 where none was fitted."""
    angles = rows["alignment_deg"].unique()
    if len(angles) != 1:
        raise SourceError(f"{run}: expected one alignment_deg in all rows, got {len(angles)}")
    return float(np.nan_to_num(angles[0]))


def read_curves(runs: Runs) -> pd.DataFrame:
    """All training curves: ``ablation, seed, iteration, name, value``.

    Raises:
        SourceError: a table is missing or damaged, or lacks a column.
    """
    tables = [pd.DataFrame(columns=list(_CURVES))]
    for run in each(runs):
        table = read_table(run.folder / "metrics.parquet", ("iteration", "name", "value"))
        tables.append(table.assign(ablation=run.ablation, seed=run.seed))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def aligned_predictions(run: Run) -> pd.DataFrame:
    """Predictions of all stages with the path of each ``mesh`` and the run's ``alignment_deg``.

    Raises:
        PredictionsError: a table is missing or damaged, lacks a column, or has a view twice.
    """
    tables = [read_predictions(run.part_folders(stage), stage) for stage in run.stages]
    return pd.concat(tables, ignore_index=True).assign(alignment_deg=run.alignment_deg)


def each(runs: Runs) -> Iterator[Run]:
    """All runs of all ablations."""
    return (run for own in runs.values() for run in own)


def shard_paths(config: Config, results: Path) -> list[Path]:
    """Shards of images."""
    return [results / "renders" / f"shard-{shard:04d}.parquet" for shard in range(config.render.shards)]


def quarantine_paths(config: Config, results: Path) -> list[Path]:
    """Tables of refused models that there are; images and surfaces have one a shard."""
    catalogue = results / "catalogue" / "quarantine.csv"
    of_shards = [
        results / stage / f"quarantine-{shard:04d}.csv"
        for stage in ("renders", *(["surfaces"] if config.dataset.has_truth else []))
        for shard in range(config.render.shards)
    ]
    return [path for path in (catalogue, *of_shards) if path.is_file()]
