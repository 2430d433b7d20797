"""What the report says about data, disk, time and machine."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from shelfnet.config.schema import Config
from shelfnet.data.manifest import read_manifest
from shelfnet.data.quarantine import read_quarantine
from shelfnet.provenance import code_version
from shelfnet.report.sources import run_folders

TAGS = ("category", "style", "theme", "material")
LIBRARIES = ("torch", "numpy", "bpy", "open_clip_torch", "e3nn", "mlflow")
MAX_TAG_VALUES = 15


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
        quarantine: refused models by stage and reason.
        storage: megabytes by folder of the results.
    """

    kind: str
    digest: str
    counts: tuple[Counts, ...]
    quarantine: Counts
    storage: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class TrainingRun:
    """What ``model.json`` says about one run."""

    ablation: str
    seed: int
    iterations: int
    device: str
    seconds: float
    code_version: str
    perceptual_features: str


def training_runs(results: Path, ablations: Iterable[str]) -> list[TrainingRun]:
    """Every trained model of the ablations, by seed."""
    return [
        _training_run(ablation, seed, json.loads((folder / "model.json").read_text(encoding="utf-8")))
        for ablation in ablations
        for seed, folder in run_folders(results, ablation).items()
        if (folder / "model.json").is_file()
    ]


def _training_run(ablation: str, seed: int, described: dict[str, Any]) -> TrainingRun:
    return TrainingRun(
        ablation=ablation,
        seed=seed,
        iterations=int(described.get("iterations", 0)),
        device=str(described.get("device", "unknown")),
        seconds=float(described.get("seconds", 0.0)),
        code_version=str(described.get("code_version", "unknown")),
        perceptual_features=str(described.get("perceptual_features", "unknown")),
    )


def dataset_facts(results: Path) -> DatasetFacts:
    """Count models, refusals and bytes."""
    manifest = read_manifest(results / "dataset" / "manifest.json")
    models = pd.read_parquet(results / "catalogue" / "models.parquet")
    refused = [results / "catalogue" / "quarantine.csv", *sorted((results / "renders").glob("quarantine-*.csv"))]
    reasons = [f"{row.stage}: {row.reason}" for path in refused if path.is_file() for row in read_quarantine(path)]
    return DatasetFacts(
        kind=manifest.kind,
        digest=manifest.digest,
        counts=tuple(count_values(name, models[name].fillna("none")) for name in ("split", *TAGS)),
        quarantine=count_values("refused", reasons),
        storage=tuple((folder.name, _megabytes(folder)) for folder in sorted(results.iterdir()) if folder.is_dir()),
    )


def count_values(title: str, values: Iterable[str]) -> Counts:
    """The most frequent values; what is cut off is summed up in one last row."""
    counts = pd.Series(list(values), dtype=object).value_counts()
    rows = [(str(name), int(count)) for name, count in counts.items()]
    shown, rest = rows[:MAX_TAG_VALUES], rows[MAX_TAG_VALUES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    return Counts(title, tuple(shown), int(counts.sum()))


def stage_times(results: Path) -> list[tuple[str, int, float, float]]:
    """Stage, jobs, summed hours and largest memory (MB) out of the workflow's benchmarks."""
    rows = []
    folder = results / "benchmarks"
    for path in sorted(folder.rglob("*.tsv")):
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rows.append((stage, float(table["s"].sum()) / 3600.0, float(table["max_rss"].max())))
    frame = pd.DataFrame(rows, columns=["stage", "hours", "rss"])
    return [
        (str(stage), len(own), float(own["hours"].sum()), float(own["rss"].max()))
        for stage, own in frame.groupby("stage")
    ]


def provenance_facts(config: Config) -> list[tuple[str, str]]:
    """Code, libraries and machine that wrote the report."""
    libraries = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    return [
        ("code", code_version()),
        ("seeds", ", ".join(map(str, config.seeds))),
        ("python", platform.python_version()),
        ("libraries", ", ".join(libraries)),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"),
    ]


def notices(config: Config) -> list[str]:
    """What a reader must know about the settings before believing a number."""
    found = []
    if config.perceptual.weights == "untrained":
        found.append("Perceptual features are untrained: L_perc compares random AlexNet features, not ImageNet ones.")
    if config.clip.source == "trained":
        found.append("The CLIP model is a small one, trained on the renders and captions of this very data set.")
    if config.dataset.kind == "showroom":
        found.append("The objects are parametric furniture generated by this project, not 3D-FUTURE.")
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
