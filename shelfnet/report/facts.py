"""What the report says about data, disk, time and machine."""

import importlib.metadata
import json
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from shelfnet.config.load import for_ablation
from shelfnet.config.schema import Config
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.quarantine import read_quarantine
from shelfnet.data.tags import TAGS
from shelfnet.networks.retrieval import SUFFICIENT_TIMES_CHANCE, Retrieval
from shelfnet.provenance import code_version
from shelfnet.report.runs import Runs, each, quarantine_paths, shard_paths
from shelfnet.training.description import RunDescription, read_run_description

LIBRARIES = ("torch", "numpy", "bpy", "open_clip_torch", "e3nn", "mlflow")
MAX_TAG_VALUES = 60
"""Rows of a table before the rest is summed up: 3D-FUTURE has 42 categories, 19 styles and 16 materials."""
QUOTED = re.compile(r"""(?<!\w)(['"`]).*?(?:\1(?!\w)|$)""")
ADDRESS = re.compile(r"https?://[^\s,;)>]+")
NUMBER = re.compile(r"(?<![A-Za-z])(?<![A-Za-z]-)(?<!\d)[-+]?\d+(?:[.,x]\d+)*(?:e[-+]?\d+)?")
FOLDER_STAGES = {
    "dataset": "stage_dataset",
    "catalogue": "build_catalogue",
    "surfaces": "sample_surfaces",
    "renders": "render_views",
    "baselines": "evaluate_baselines",
    "clip_model": "train_clip",
    "figures": "draw_figures",
    "mlartifacts": "mirror_tracking",
    "coarse": "reconstruct",
    "refined": "refine",
    "chamfer.csv": "evaluate",
}
"""Stages by the folder of the results, or of a run, that they write to; any other folder stands for itself."""
PHOTOGRAPH_STAGES = {
    **FOLDER_STAGES,
    "dataset": "stage_photographs",
    "catalogue": "catalogue_photographs",
    "renders": "crop_photographs",
    "baselines": "evaluate_sphere",
    "chamfer.csv": "evaluate_silhouettes",
}
"""The same where the data set is photographs, without a truth."""


@dataclass(frozen=True)
class Counts:
    """How often each value of something occurs, most frequent first."""

    title: str
    rows: tuple[tuple[str, int], ...]
    total: int


@dataclass(frozen=True)
class DatasetFacts:
    """The dataset page.

    Attributes:
        kind: which data set.
        digest: of its content.
        counts: models by split and by tag.
        quarantine: refused models by stage and kind of fault.
        storage: files and megabytes by the stage that wrote them.
        views: images.
        bytes_per_view: of the shards of images; NaN where there is none.
    """

    kind: str
    digest: str
    counts: tuple[Counts, ...]
    quarantine: Counts
    storage: tuple[tuple[str, int, float], ...]
    views: int
    bytes_per_view: float


@dataclass(frozen=True)
class TrainingRun:
    """A run and what it says of its training."""

    ablation: str
    seed: int
    description: RunDescription


def training_runs(runs: Runs) -> list[TrainingRun]:
    """Every trained model that was evaluated.

    Raises:
        DescriptionError: a description is missing or damaged, or lacks a key.
    """
    return [TrainingRun(run.ablation, run.seed, read_run_description(run.folder)) for run in each(runs)]


def dataset_facts(config: Config, results: Path) -> DatasetFacts:
    """Count models, refusals and bytes."""
    manifest = read_manifest(results / "dataset" / "manifest.json")
    models = pd.read_parquet(results / "catalogue" / "models.parquet")
    rows = [row for path in quarantine_paths(config, results) for row in read_quarantine(path)]
    shards = shard_paths(config, results)
    views = sum(pq.read_metadata(path).num_rows for path in shards)
    return DatasetFacts(
        kind=manifest.kind,
        digest=manifest.digest,
        counts=tuple(count_values(name, models[name].fillna("none")) for name in ("split", *TAGS)),
        quarantine=count_values("refused", (f"{row.stage}: {kind_of_fault(row.reason)}" for row in rows)),
        storage=storage_by_stage(results, FOLDER_STAGES if config.dataset.has_truth else PHOTOGRAPH_STAGES),
        views=views,
        bytes_per_view=sum(path.stat().st_size for path in shards) / views if views else math.nan,
    )


def kind_of_fault(reason: str) -> str:
    """A reason without what differs from model to model: quoted values, addresses and numbers become an ellipsis."""
    for pattern in (QUOTED, ADDRESS, NUMBER):
        reason = pattern.sub("…", reason)
    return reason


def storage_by_stage(results: Path, stages: Mapping[str, str]) -> tuple[tuple[str, int, float], ...]:
    """Stage, files and megabytes, the largest first; what an earlier run left behind counts, for it is there.

    Args:
        results: the tree of results.
        stages: by folder, :data:`FOLDER_STAGES` or :data:`PHOTOGRAPH_STAGES`.
    """
    found = [(_stage_of(path.relative_to(results), stages), path.lstat().st_size) for path in _files(results)]
    frame = pd.DataFrame(found, columns=["stage", "bytes"])
    sizes = frame.groupby("stage")["bytes"].agg(["count", "sum"]).sort_values("sum", ascending=False)
    return tuple((str(stage), int(files), size / 1e6) for stage, files, size in sizes.itertuples())


def _stage_of(path: Path, stages: Mapping[str, str]) -> str:
    """Who writes a file of the results: by its folder, within a trained model's folder by the next one."""
    top, *below = path.parts
    if not below:
        return "report"
    if below[0].startswith("seed") and len(below) > 1:
        return stages.get(below[1], "train")
    return stages.get(top) or stages.get(below[0], top)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def count_values(title: str, values: Iterable[str]) -> Counts:
    """The most frequent values; what is cut off is summed up in one last row."""
    counts = pd.Series(list(values), dtype=object).value_counts()
    rows = [(str(name), int(count)) for name, count in counts.items()]
    shown, rest = rows[:MAX_TAG_VALUES], rows[MAX_TAG_VALUES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    return Counts(title, tuple(shown), int(counts.sum()))


def stage_times(config: Config, results: Path, runs: Runs) -> list[tuple[str, int, float, float]]:
    """Stage, jobs, summed hours and largest memory (MB) out of the benchmarks of the workflow's jobs."""
    rows = []
    folder, jobs = results / "benchmarks", _job_names(config, runs)
    for path in sorted(folder.rglob("*.tsv")):
        if path.parent != folder and path.stem not in jobs:
            continue
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rows.append((stage, float(table["s"].sum()) / 3600.0, float(table["max_rss"].max())))
    frame = pd.DataFrame(rows, columns=["stage", "hours", "rss"])
    return [
        (str(stage), len(own), float(own["hours"].sum()), float(own["rss"].max()))
        for stage, own in frame.groupby("stage")
    ]


def _job_names(config: Config, runs: Runs) -> frozenset[str]:
    """What the benchmarks of this run's jobs are called, where a stage has several."""
    of_runs = [f"{run.ablation}-seed{run.seed}" for run in each(runs)]
    of_parts = [f"{run.ablation}-seed{run.seed}-part{part}" for run in each(runs) for part in range(run.parts)]
    return frozenset([*runs, *of_runs, *of_parts, *(path.stem for path in shard_paths(config, Path()))])


def _seeds(config: Config) -> str:
    """The seeds of all, and of the ablations that have others."""
    own = {name: for_ablation(config, name).seeds for name in config.ablations}
    others = [f"{name}: {_listed(seeds)}" for name, seeds in own.items() if seeds != config.seeds]
    return "; ".join([_listed(config.seeds), *others])


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def provenance_facts(config: Config) -> list[tuple[str, str]]:
    """Code, libraries and machine that wrote the report."""
    libraries = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    return [
        ("code", code_version()),
        ("seeds", _seeds(config)),
        ("python", platform.python_version()),
        ("libraries", ", ".join(libraries)),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"),
    ]


def notices(config: Config, results: Path) -> list[str]:
    """What a reader must know about the settings, and the small CLIP, before believing a number."""
    found = []
    if config.perceptual.weights == "untrained":
        found.append("Perceptual features are untrained: L_perc compares random AlexNet features, not ImageNet ones.")
    if config.clip.source == "trained":
        found += _about_small_clip(results / "clip_model" / "model.json")
    if config.dataset.kind == "showroom":
        found.append("The objects are parametric furniture generated by this project, not 3D-FUTURE.")
    if not config.dataset.has_truth:
        found.append(
            "The data set is photographs: there is no true shape or view that anything could be compared with."
        )
    return found


def _about_small_clip(description: Path) -> list[str]:
    """What it is, how well it finds captions, and whether that is too little; the file is there only if it was used."""
    sentence = "The CLIP model is a small one, trained on the renders and captions of this very data set"
    if not description.is_file():
        return [f"{sentence}."]
    described = json.loads(description.read_text(encoding="utf-8"))
    retrieval = Retrieval(float(described["retrieval_top1"]), int(described["retrieval_choices"]))
    share, chance = f"{100 * retrieval.top1:.1f} %", f"{retrieval.times_chance:.1f} times chance"
    found = [f"{sentence}. It finds the caption of {share} of held-out images among {retrieval.choices}: {chance}."]
    if not retrieval.sufficient:
        expected = f"expected at least {SUFFICIENT_TIMES_CHANCE:g} times"
        found.append(f"⚠ The small CLIP retrieves at {chance}, {expected}: L_clip can hardly teach anything with it.")
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
