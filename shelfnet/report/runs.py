"""The trained models that a report is about: those whose rows the tables have, whatever else lies in the results.

Snakemake never deletes what an earlier run with more seeds, parts or shards has left. So nothing here looks around in
folders: seeds and stages come from the tables' own rows, numbers of parts and shards from the settings.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from shelfnet.config.load import for_ablation
from shelfnet.config.schema import Config
from shelfnet.evaluation.comparison import STAGES
from shelfnet.evaluation.predictions import read_predictions
from shelfnet.report.sources import SourceError, read_table

_ANGLE = re.compile(r"y-rotation (-?\d+(?:\.\d+)?) deg")
_NO_ROTATION = "none"
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
        SourceError: rows of a seed say nothing of their alignment.
    """
    return {
        name: [
            Run(
                ablation=name,
                seed=int(seed),
                folder=results / name / f"seed{seed}",
                stages=tuple(stage for stage in STAGES if stage in set(own["stage"])),
                parts=for_ablation(config, name).reconstruct.parts,
                alignment_deg=alignment_deg(own, f"{name}, seed {seed}"),
            )
            for seed, own in table.groupby("seed", sort=True)
        ]
        for name, table in tables.items()
    }


def alignment_deg(rows: pd.DataFrame, who: str) -> float:
    """Rotation about +Y of one trained model, from the ``alignment`` column of its rows; 0 where there was none.

    Args:
        rows: of one run.
        who: the run, for errors.

    Raises:
        SourceError: no rows, or something else in the column.
    """
    labels = sorted(set(map(str, rows["alignment"])))
    if len(labels) != 1:
        raise SourceError(f"{who}: expected rows with one alignment, got {', '.join(labels) or 'no rows'}")
    found = _ANGLE.match(labels[0])
    if found is None and not labels[0].startswith(_NO_ROTATION):
        raise SourceError(f"{who}: expected an alignment such as 'y-rotation 12.5 deg', got {labels[0]!r}")
    return float(found.group(1)) if found else 0.0


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
