"""The tree of results as a report reads it: curves, predictions, alignments and true meshes."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import trimesh
from jaxtyping import Float

from shelfnet.data.glb import MeshFileError, read_glb
from shelfnet.data.manifest import read_manifest
from shelfnet.data.objects import load_obj
from shelfnet.geometry.meshes import normalise

STAGES = ("coarse", "refined")
_ANGLE = re.compile(r"(-?\d+(?:\.\d+)?) deg")


class SourceError(ValueError):
    """A file of the results cannot be used; the message names it."""


@dataclass(frozen=True)
class View:
    """One picture of a model, as files name it."""

    model_id: str
    view: int


def run_folders(results: Path, ablation: str) -> dict[int, Path]:
    """Folders ``{ablation}/seed{n}`` by seed, in order."""
    found = {int(path.name[4:]): path for path in (results / ablation).glob("seed*") if path.name[4:].isdigit()}
    return dict(sorted(found.items()))


def run_descriptions(results: Path, ablation: str) -> dict[int, dict[str, Any]]:
    """What ``model.json`` says of every trained run of an ablation, by seed, in order."""
    files = {seed: folder / "model.json" for seed, folder in run_folders(results, ablation).items()}
    return {seed: json.loads(path.read_text(encoding="utf-8")) for seed, path in files.items() if path.is_file()}


def read_curves(results: Path, ablations: Iterable[str]) -> pd.DataFrame:
    """All training curves: ``ablation, seed, iteration, name, value``.

    Raises:
        SourceError: a table lacks a column.
    """
    tables = [pd.DataFrame(columns=["ablation", "seed", "iteration", "name", "value"])]
    for ablation in ablations:
        for seed, folder in run_folders(results, ablation).items():
            if (path := folder / "metrics.parquet").is_file():
                table = _with_columns(path, ("iteration", "name", "value"))
                tables.append(table.assign(ablation=ablation, seed=seed))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def read_predictions(results: Path, ablation: str, seed: int) -> pd.DataFrame:
    """Predictions of both stages with ``mesh_path``; empty where nothing was reconstructed.

    Raises:
        SourceError: a table lacks a column.
    """
    needed = ("model_id", "split", "view", "stage", "status", "mesh", "azimuth_deg", "elevation_deg")
    paths = [
        path
        for stage in STAGES
        for path in sorted((results / ablation / f"seed{seed}" / stage).glob("part-*/predictions.parquet"))
    ]
    tables = [_with_mesh_paths(_with_columns(path, needed), path.parent) for path in paths]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=[*needed, "mesh_path"])


def alignment_deg(rows: pd.DataFrame, seed: int) -> float:
    """Rotation about +Y of one trained model, from the ``alignment`` column of its rows; 0 where it has none."""
    own = rows.loc[rows["seed"] == seed, "alignment"]
    found = _ANGLE.search(str(own.iloc[0])) if len(own) else None
    return float(found.group(1)) if found else 0.0


def turned(vertices: Float[np.ndarray, "v 3"], angle_deg: float) -> Float[np.ndarray, "v 3"]:
    """Points turned about +Y so that their azimuth grows by ``angle_deg``."""
    sin, cos = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    return vertices @ np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]]).T


def load_mesh(path: Path) -> trimesh.Trimesh:
    """A GLB as one mesh with its vertex colours or its texture.

    Raises:
        SourceError: not readable, or without a mesh.
    """
    try:
        return read_glb(path)
    except MeshFileError as error:
        raise SourceError(str(error)) from error


class TrueMeshes:
    """True meshes by model id in the object frame, read from the data set when asked for.

    Args:
        results: the tree of results.
        max_faces: as in the catalogue.
    """

    def __init__(self, results: Path, max_faces: int) -> None:
        catalogue = results / "catalogue" / "models.parquet"
        table = _with_columns(catalogue, ("model_id", "obj_path"))
        self._root = read_manifest(results / "dataset" / "manifest.json").root
        self._paths: Mapping[str, str] = dict(zip(table["model_id"], table["obj_path"], strict=True))
        self._max_faces = max_faces

    def __getitem__(self, model_id: str) -> trimesh.Trimesh:
        """The mesh of a model.

        Raises:
            SourceError: not in the catalogue.
            ModelError: the file changed since the catalogue was built.
        """
        if model_id not in self._paths:
            raise SourceError(f"model {model_id}: not in the catalogue")
        mesh = normalise(load_obj(self._root / self._paths[model_id], self._max_faces))
        return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def spread_views(views: Iterable[View], count: int) -> list[View]:
    """Up to ``count`` models, evenly spread over the sorted ids and each with its first view: no hand-picking."""
    first: dict[str, View] = {}
    for view in sorted(views, key=lambda view: (view.model_id, view.view)):
        first.setdefault(view.model_id, view)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [list(first.values())[index] for index in chosen]


def _with_columns(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: expected a Parquet table: {error}") from error
    missing = sorted(set(columns) - set(table.columns))
    if missing:
        raise SourceError(f"{path}: expected the columns {', '.join(missing)}, which are not there")
    return table


def _with_mesh_paths(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    paths = [
        folder / str(name) if status == "ok" else None
        for name, status in zip(table["mesh"], table["status"], strict=True)
    ]
    return table.assign(mesh_path=paths)
