"""Test views with their true meshes and all meshes reconstructed from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import trimesh
from jaxtyping import UInt8

from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.models import read_models
from shelfnet.data.obj.reader import load_obj
from shelfnet.data.shards.reader import EvaluationViews
from shelfnet.geometry.meshes import normalise
from shelfnet.preview.models import Submesh, load_submeshes
from shelfnet.report.runs import Runs, aligned_predictions


@dataclass(frozen=True)
class PredictedMesh:
    """A reconstruction and the view that was predicted with it, both in the learned frame.

    Attributes:
        path: GLB file.
        azimuth_deg: Predicted azimuth.
        elevation_deg: Predicted elevation.
        alignment_deg: Rotation about +Y from the learned frame to the object frame.
    """

    path: Path
    azimuth_deg: float
    elevation_deg: float
    alignment_deg: float


@dataclass(frozen=True)
class ShownView:
    """One test image with its truth and every prediction made from it.

    Attributes:
        model_id: Id of the object.
        view: Number of the image.
        caption: Caption of the image.
        image: Input image.
        azimuth_deg: True azimuth; NaN if unknown.
        elevation_deg: True elevation; NaN if unknown.
        truth: True mesh in the object frame; ``None`` if unknown.
        predictions: Meshes by ablation and stage, without the empty ones.
    """

    model_id: str
    view: int
    caption: str
    image: UInt8[np.ndarray, "h w 4"]
    azimuth_deg: float
    elevation_deg: float
    truth: trimesh.Trimesh | None
    predictions: Mapping[tuple[str, str], PredictedMesh]


class TrueMeshes:
    """True meshes in the object frame by model id, read from the data set on access.

    Args:
        results: Folder of the results.
        max_faces: Limit of the catalogue.
    """

    def __init__(self, results: Path, max_faces: int) -> None:
        self._root = read_manifest(results / "dataset" / "manifest.json").root
        models = read_models(results / "catalogue" / "models.parquet")
        self._paths = {model.model_id: model.obj_path for model in models}
        self._max_faces = max_faces

    def __getitem__(self, model_id: str) -> trimesh.Trimesh:
        """Mesh of a model.

        Raises:
            KeyError: The model is not in the catalogue.
            ModelError: The file has changed since the catalogue was built.
        """
        mesh = normalise(load_obj(self._root / self._paths[model_id], self._max_faces))
        return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)

    def submeshes(self, model_id: str) -> list[Submesh]:
        """Parts of a model with their materials; errors as for its mesh."""
        return load_submeshes(self._root / self._paths[model_id])


def collect_shown_views(runs: Runs, test: EvaluationViews, truth: TrueMeshes | None, count: int) -> list[ShownView]:
    """A few test views, evenly spread over the models, with the predictions of the first run of each ablation.

    Args:
        runs: Runs by ablation.
        test: Images of the test split.
        truth: True meshes; ``None`` if the data set has no true shapes.
        count: Number of views.
    """
    rows = {(test.model_ids[row], int(test.views[row])): row for row in range(len(test.model_ids))}
    predictions = {name: aligned_predictions(own[0]) for name, own in runs.items() if own}
    return [
        ShownView(
            model_id=model_id,
            view=view,
            caption=test.captions[row],
            image=test.images[row],
            azimuth_deg=float(test.azimuths_deg[row]),
            elevation_deg=float(test.elevations_deg[row]),
            truth=None if truth is None else truth[model_id],
            predictions={
                (name, stage): mesh
                for name, table in predictions.items()
                for stage, mesh in _predicted_meshes(table, model_id, view).items()
            },
        )
        for model_id, view in spread_views(rows, count)
        for row in [rows[model_id, view]]
    ]


def spread_views(views: Iterable[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    """First views of up to ``count`` models evenly spread over the sorted ids, so that none is hand-picked.

    Args:
        views: Pairs of model id and view.
        count: Largest number of models.
    """
    first: dict[str, int] = {}
    for model_id, view in sorted(views):
        first.setdefault(model_id, view)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [list(first.items())[index] for index in chosen]


def _predicted_meshes(predictions: pd.DataFrame, model_id: str, view: int) -> dict[str, PredictedMesh]:
    """Meshes predicted from one test view, by stage."""
    of_view = (predictions["model_id"] == model_id) & (predictions["view"] == view)
    rows = predictions[of_view & (predictions["split"] == "test") & (predictions["status"] == "ok")]
    columns = ["stage", "mesh", "azimuth_deg", "elevation_deg", "alignment_deg"]
    return {stage: PredictedMesh(*values) for stage, *values in rows[columns].itertuples(index=False)}
