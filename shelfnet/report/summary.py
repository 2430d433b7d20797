"""Summaries for the report: data set, storage, provenance, time per stage, and caveats."""

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
from shelfnet.report.runs import Runs, each_run, quarantine_paths, shard_paths

LIBRARIES = ("torch", "numpy", "bpy", "open_clip_torch", "e3nn", "mlflow")
MAX_TAG_VALUES = 60
"""Values shown before the rest is summed up; 3D-FUTURE has 42 categories, 19 styles and 16 materials."""
QUOTED = re.compile(r"""(?<!\w)(['"`]).*?(?:\1(?!\w)|$)""")
ADDRESS = re.compile(r"https?://[^\s,;)>]+")
NUMBER = re.compile(r"(?<![A-Za-z])(?<![A-Za-z]-)(?<!\d)[-+]?\d+(?:[.,x]\d+)*(?:e[-+]?\d+)?")
FOLDER_STAGES = {
    "dataset": "stage_dataset",
    "catalogue": "build_catalogue",
    "surfaces": "sample_surfaces",
    "renders": "render_views",
    "baselines": "evaluate_baselines",
    "views": "discover_views",
    "clip_model": "train_clip",
    "warm_starts": "warm_start",
    "figures": "draw_figures",
    "mlartifacts": "mirror_tracking",
    "coarse": "reconstruct",
    "refined": "refine",
    "chamfer.csv": "evaluate",
}
"""Stage by the folder that it writes to, in the results or in a run; other folders are shown by their own name."""
PHOTOGRAPH_STAGES = {
    **FOLDER_STAGES,
    "dataset": "stage_photographs",
    "catalogue": "catalogue_photographs",
    "renders": "crop_photographs",
    "baselines": "evaluate_sphere",
    "chamfer.csv": "evaluate_silhouettes",
}
"""The same for data sets of photographs, which have no true shapes."""


@dataclass(frozen=True)
class ValueCounts:
    """Number of occurrences of each value, most frequent first."""

    title: str
    rows: tuple[tuple[str, int], ...]
    total: int


@dataclass(frozen=True)
class DatasetSummary:
    """Contents and size of the data set.

    Attributes:
        kind: Kind of data set.
        digest: Digest of its content.
        counts: Models by split and by tag.
        quarantine: Refused models by stage and kind of fault.
        storage: Files and megabytes by the stage that wrote them.
        views: Number of images.
        bytes_per_view: Size of the shards per image; NaN without images.
    """

    kind: str
    digest: str
    counts: tuple[ValueCounts, ...]
    quarantine: ValueCounts
    storage: tuple[tuple[str, int, float], ...]
    views: int
    bytes_per_view: float


def dataset_summary(config: Config, results: Path) -> DatasetSummary:
    """Count models, refusals and bytes."""
    manifest = read_manifest(results / "dataset" / "manifest.json")
    models = pd.read_parquet(results / "catalogue" / "models.parquet")
    rows = [row for path in quarantine_paths(config, results) for row in read_quarantine(path)]
    shards = shard_paths(config, results)
    views = sum(pq.read_metadata(path).num_rows for path in shards)
    return DatasetSummary(
        kind=manifest.kind,
        digest=manifest.digest,
        counts=tuple(count_values(name, models[name].fillna("none")) for name in ("split", *TAGS)),
        quarantine=count_values("refused", (f"{row.stage}: {kind_of_fault(row.reason)}" for row in rows)),
        storage=storage_by_stage(results, FOLDER_STAGES if config.dataset.has_truth else PHOTOGRAPH_STAGES),
        views=views,
        bytes_per_view=sum(path.stat().st_size for path in shards) / views if views else math.nan,
    )


def kind_of_fault(reason: str) -> str:
    """A reason whose quoted values, addresses and numbers, which differ between models, are replaced by ellipses."""
    for pattern in (QUOTED, ADDRESS, NUMBER):
        reason = pattern.sub("…", reason)
    return reason


def storage_by_stage(results: Path, stages: Mapping[str, str]) -> tuple[tuple[str, int, float], ...]:
    """Stage, number of files and megabytes, largest first, including files of earlier runs.

    Args:
        results: Folder of the results.
        stages: :data:`FOLDER_STAGES` or :data:`PHOTOGRAPH_STAGES`.
    """
    files = (path for path in results.rglob("*") if path.is_file())
    found = [(_stage_of(path.relative_to(results), stages), path.lstat().st_size) for path in files]
    frame = pd.DataFrame(found, columns=["stage", "bytes"])
    sizes = frame.groupby("stage")["bytes"].agg(["count", "sum"]).sort_values("sum", ascending=False)
    return tuple((str(stage), int(count), size / 1e6) for stage, count, size in sizes.itertuples())


def _stage_of(path: Path, stages: Mapping[str, str]) -> str:
    """Stage that wrote a file of the results, by the folder in the results or in the run."""
    top, *below = path.parts
    if not below:
        return "report"
    if below[0].startswith("seed") and len(below) > 1:
        return stages.get(below[1], "train")
    return stages.get(top) or stages.get(below[0], top)


def count_values(title: str, values: Iterable[str]) -> ValueCounts:
    """Most frequent values; the last row sums up the others."""
    counts = pd.Series(list(values), dtype=object).value_counts()
    rows = [(str(name), int(count)) for name, count in counts.items()]
    shown, rest = rows[:MAX_TAG_VALUES], rows[MAX_TAG_VALUES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    return ValueCounts(title, tuple(shown), int(counts.sum()))


def stage_times(config: Config, results: Path, runs: Runs) -> list[tuple[str, int, float, float]]:
    """Stage, number of jobs, total hours and peak memory in MB, from the benchmark files of the jobs."""
    rows = []
    folder, names = results / "benchmarks", _job_names(config, runs)
    for path in sorted(folder.rglob("*.tsv")):
        if path.parent != folder and path.stem not in names:
            continue
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rows.append((stage, float(table["s"].sum()) / 3600.0, float(table["max_rss"].max())))
    frame = pd.DataFrame(rows, columns=["stage", "hours", "rss"])
    return [
        (str(stage), len(jobs), float(jobs["hours"].sum()), float(jobs["rss"].max()))
        for stage, jobs in frame.groupby("stage")
    ]


def _job_names(config: Config, runs: Runs) -> frozenset[str]:
    """Names of the benchmark files of this workflow's jobs, in stages with several jobs."""
    of_runs = [f"{run.ablation}-seed{run.seed}" for run in each_run(runs)]
    of_parts = [f"{run.ablation}-seed{run.seed}-part{part}" for run in each_run(runs) for part in range(run.parts)]
    return frozenset([*runs, *of_runs, *of_parts, *(path.stem for path in shard_paths(config, Path()))])


def _seeds(config: Config) -> str:
    """Seeds of the configuration, and of the ablations that override them."""
    own = {name: for_ablation(config, name).seeds for name in config.ablations}
    others = [f"{name}: {_listed(seeds)}" for name, seeds in own.items() if seeds != config.seeds]
    return "; ".join([_listed(config.seeds), *others])


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def provenance_summary(config: Config) -> list[tuple[str, str]]:
    """Code version, seeds, libraries and machine."""
    libraries = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    return [
        ("code", code_version()),
        ("seeds", _seeds(config)),
        ("python", platform.python_version()),
        ("libraries", ", ".join(libraries)),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"),
    ]


def caveats(config: Config, results: Path) -> list[str]:
    """Settings and properties of the small CLIP that limit what the numbers mean."""
    found = []
    if config.perceptual.weights == "untrained":
        found.append("Perceptual features are untrained: L_perc compares random AlexNet features, not ImageNet ones.")
    if config.clip.source == "trained":
        found += _small_clip_caveats(results / "clip_model" / "model.json")
    if config.dataset.kind == "showroom":
        found.append("The objects are parametric furniture generated by this project, not 3D-FUTURE.")
    if not config.dataset.has_truth:
        found.append("The data set is photographs: there are no true shapes or views to compare with.")
    return found


def _small_clip_caveats(description: Path) -> list[str]:
    """Origin and retrieval accuracy of the small CLIP; ``description`` exists only if it was trained."""
    sentence = "The CLIP model is a small one, trained on the renders and captions of this data set"
    if not description.is_file():
        return [f"{sentence}."]
    described = json.loads(description.read_text(encoding="utf-8"))
    retrieval = Retrieval(float(described["retrieval_top1"]), int(described["retrieval_choices"]))
    share, chance = f"{100 * retrieval.top1:.1f} %", f"{retrieval.times_chance:.1f} times chance"
    found = [f"{sentence}. It finds the caption of {share} of held-out images among {retrieval.choices}: {chance}."]
    if new := described.get("retrieval_new_captions"):
        found[0] += f" For captions that training has not seen, it is {100 * new['top1']:.1f} %."
    recognised = [
        f"the {name} of {100 * tag['accuracy']:.0f} % ({tag['values']} values; the most frequent one has"
        f" {100 * tag['majority']:.0f} %)"
        for name, tag in described.get("tags", {}).items()
    ]
    if recognised:
        found.append(f"Of held-out images, the small CLIP recognises {', '.join(recognised)}.")
    if not retrieval.sufficient:
        expected = f"expected at least {SUFFICIENT_TIMES_CHANCE:g} times"
        found.append(f"⚠ The small CLIP retrieves at {chance}, {expected}: L_clip can hardly teach anything with it.")
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
