"""What a report reads out of the tree of results: tables, meshes and true meshes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import trimesh

from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.glb import MeshFileError, read_glb
from shelfnet.data.obj.reader import load_obj
from shelfnet.geometry.meshes import normalise


class SourceError(ValueError):
    """A file of the results cannot be used; the message names it."""


@dataclass(frozen=True)
class View:
    """One image of a model, as files name it."""

    model_id: str
    view: int


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
        table = read_table(catalogue, ("model_id", "obj_path"))
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


def read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """A Parquet table with at least these columns.

    Raises:
        SourceError: the file is missing or damaged, or lacks a column.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: expected a Parquet table: {error}") from error
    missing = sorted(set(columns) - set(table.columns))
    if missing:
        raise SourceError(f"{path}: expected the columns {', '.join(missing)}, which are not there")
    return table
