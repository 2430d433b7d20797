"""Test objects of the report: input image, predicted meshes with their scores, and the true mesh."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import trimesh
from jaxtyping import Float, UInt8
from numpy import ndarray

from shelfnet.data.glb import read_glb
from shelfnet.evaluation.comparison import STAGES
from shelfnet.evaluation.comparison_columns import sorted_by_quality
from shelfnet.evaluation.methods import is_trained
from shelfnet.evaluation.results import Tables
from shelfnet.geometry.cameras import camera_from_degrees
from shelfnet.preview.models import Submesh
from shelfnet.report.data_uris import webp_uri
from shelfnet.report.shown_views import PredictedMesh, ShownView
from shelfnet.report.true_glb import true_glb

BEST_METHODS = 3

Camera = Float[ndarray, "4 4"]
Image = UInt8[ndarray, "h w 4"]


@dataclass(frozen=True)
class Renderers:
    """Renderers of preview images from an OpenCV camera in the frame of the mesh.

    Attributes:
        predicted: Renders a predicted mesh.
        true: Renders the parts of a true model.
        distance: Distance of the cameras from the origin.
    """

    predicted: Callable[[trimesh.Trimesh, Camera], Image]
    true: Callable[[Sequence[Submesh], Camera], Image]
    distance: float


@dataclass(frozen=True)
class Tile:
    """One mesh of an object.

    Attributes:
        method: Ablation, or ``truth``.
        stage: Stage of a prediction; empty for the truth.
        score: Metric and value of this prediction; empty for the truth.
        file: Name of the GLB file; ``None`` for an empty prediction.
        preview: Image of the mesh as a data URI; empty for an empty prediction.
        yaw_deg: Rotation about +Y from the frame of the file to the object frame.
    """

    method: str
    stage: str
    score: str
    file: str | None
    preview: str
    yaw_deg: float


@dataclass(frozen=True)
class GalleryObject:
    """One test view with its meshes.

    Attributes:
        caption: Caption of the object.
        image: Input image as a data URI.
        azimuth_deg: Azimuth of the first camera in the object frame: that of the input image.
        elevation_deg: Its elevation.
        tiles: Predictions of the best methods, best method first and refined before coarse.
        truth: The true mesh, if it is known.
    """

    caption: str
    image: str
    azimuth_deg: float
    elevation_deg: float
    tiles: tuple[Tile, ...]
    truth: Tile | None


@dataclass(frozen=True)
class Gallery:
    """Objects, and the GLB files of their tiles by name."""

    objects: tuple[GalleryObject, ...]
    files: Mapping[str, bytes]


def best_methods(comparison: pd.DataFrame) -> list[str]:
    """Trained ablations with the best rows of the comparison, best first."""
    names = list(dict.fromkeys(sorted_by_quality(comparison)["ablation"]))
    return [name for name in names if is_trained(name)][:BEST_METHODS]


def make_gallery(
    views: Sequence[ShownView],
    methods: Sequence[str],
    tables: Tables,
    truth: Callable[[str], Sequence[Submesh]] | None,
    render: Renderers,
) -> Gallery:
    """Tiles, previews and files of test views.

    Args:
        views: Test views with the predictions of one run of each method.
        methods: Ablations in the order of the tiles.
        tables: Rows of ``chamfer.csv`` of these runs by ablation.
        truth: Parts of the true model by model id; ``None`` if the data set has no true shapes.
        render: Renderers of the previews.
    """
    scores = {name: table.set_index(["model_id", "view", "stage"]) for name, table in tables.items()}
    files: dict[str, bytes] = {}
    objects = []
    for view in views:
        camera_deg = _camera_deg(view, methods)
        tiles = []
        for method in methods:
            for stage in reversed(STAGES):
                key = (view.model_id, view.view, stage)
                if key in scores[method].index:
                    score = _score(scores[method].loc[key])
                    prediction = view.predictions.get((method, stage))
                    tiles.append(_predicted_tile(method, stage, score, prediction, camera_deg, files, render))
        true_tile = None
        if truth is not None:
            true_tile = _true_tile(view.model_id, truth(view.model_id), camera_deg, files, render)
        objects.append(GalleryObject(view.caption, webp_uri(view.image), *camera_deg, tuple(tiles), true_tile))
    return Gallery(tuple(objects), files)


def _camera_deg(view: ShownView, methods: Sequence[str]) -> tuple[float, float]:
    """Azimuth and elevation of the input image; where they are unknown, those that the best method predicts."""
    if not math.isnan(view.azimuth_deg):
        return view.azimuth_deg, view.elevation_deg
    predicted = (view.predictions.get((name, stage)) for name in methods for stage in reversed(STAGES))
    first = next((mesh for mesh in predicted if mesh is not None), None)
    return (0.0, 0.0) if first is None else (first.azimuth_deg + first.alignment_deg, first.elevation_deg)


def _score(row: pd.Series) -> str:
    if pd.notna(row["chamfer"]):
        return f"chamfer {row['chamfer']:.4f}"
    return f"mask IoU {row['mask_iou']:.3f}"


def _predicted_tile(
    method: str,
    stage: str,
    score: str,
    prediction: PredictedMesh | None,
    camera_deg: tuple[float, float],
    files: dict[str, bytes],
    render: Renderers,
) -> Tile:
    if prediction is None:
        return Tile(method, stage, score, None, "", 0.0)
    name = f"{method}-{stage}-{Path(prediction.path).name}"
    files[name] = prediction.path.read_bytes()
    azimuth_deg, elevation_deg = camera_deg
    camera = camera_from_degrees(azimuth_deg - prediction.alignment_deg, elevation_deg, render.distance)
    preview = webp_uri(render.predicted(read_glb(prediction.path), camera))
    return Tile(method, stage, score, name, preview, prediction.alignment_deg)


def _true_tile(
    model_id: str, parts: Sequence[Submesh], camera_deg: tuple[float, float], files: dict[str, bytes], render: Renderers
) -> Tile:
    name = f"truth-{model_id}.glb"
    files[name] = true_glb(parts)
    preview = webp_uri(render.true(parts, camera_from_degrees(*camera_deg, render.distance)))
    return Tile("truth", "", "", name, preview, 0.0)
