"""Test views with their truth and everything that was reconstructed from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import trimesh
from jaxtyping import UInt8

from shelfnet.data.shards.reader import EvaluationViews
from shelfnet.report.poses import Poses, match_poses
from shelfnet.report.runs import Runs, aligned_predictions
from shelfnet.report.sources import TrueMeshes, View, spread_views


@dataclass(frozen=True)
class PredictedMesh:
    """A reconstruction and the view that was predicted with it, both in the learned frame.

    Attributes:
        path: of the GLB.
        azimuth_deg: predicted azimuth.
        elevation_deg: predicted elevation.
        alignment_deg: rotation about +Y that brings the learned frame into the object frame.
    """

    path: Path
    azimuth_deg: float
    elevation_deg: float
    alignment_deg: float


@dataclass(frozen=True)
class ShownView:
    """One test image with its truth and every prediction made from it.

    Attributes:
        model_id: the object.
        caption: what it is.
        image: the input image.
        azimuth_deg: true azimuth; NaN where nobody knows.
        elevation_deg: true elevation, likewise.
        truth: true mesh in the object frame; none where nobody knows.
        predictions: by ablation and stage; what came out empty is missing.
    """

    model_id: str
    caption: str
    image: UInt8[np.ndarray, "h w 4"]
    azimuth_deg: float
    elevation_deg: float
    truth: trimesh.Trimesh | None
    predictions: Mapping[tuple[str, str], PredictedMesh]


def collect_shown_views(
    runs: Runs,
    test: EvaluationViews,
    truth: TrueMeshes | None,
    count: int,
    run: int = 0,
) -> list[ShownView]:
    """A few test views, evenly spread over the models, with the predictions of one run of each ablation.

    Args:
        runs: by ablation.
        test: images of the test split.
        truth: true meshes; none where the data set has no truth.
        count: how many views.
        run: which seed's predictions, counted from each ablation's first; an ablation with fewer has none.
    """
    places = {View(test.model_ids[n], int(test.views[n])): n for n in range(len(test.model_ids))}
    chosen = spread_views(places, count)
    predictions = {name: aligned_predictions(own[run]) for name, own in runs.items() if run < len(own)}
    return [
        ShownView(
            model_id=view.model_id,
            caption=test.captions[places[view]],
            image=test.images[places[view]],
            azimuth_deg=float(test.azimuths_deg[places[view]]),
            elevation_deg=float(test.elevations_deg[places[view]]),
            truth=None if truth is None else truth[view.model_id],
            predictions={
                (name, row.stage): PredictedMesh(row.mesh, row.azimuth_deg, row.elevation_deg, row.alignment_deg)
                for name, table in predictions.items()
                for row in _of_view(table, view).itertuples()
            },
        )
        for view in chosen
    ]


def collect_poses(runs: Runs, test: EvaluationViews) -> dict[str, Poses]:
    """Predicted and true views by ablation, all seeds together."""
    truth = pd.DataFrame(
        {
            "model_id": test.model_ids,
            "view": test.views,
            "true_azimuth_deg": test.azimuths_deg,
            "true_elevation_deg": test.elevations_deg,
        }
    )
    return {
        name: match_poses(pd.concat([aligned_predictions(run) for run in own], ignore_index=True), truth)
        for name, own in runs.items()
    }


def _of_view(predictions: pd.DataFrame, view: View) -> pd.DataFrame:
    own = (predictions["model_id"] == view.model_id) & (predictions["view"] == view.view)
    return predictions[own & (predictions["split"] == "test") & (predictions["status"] == "ok")]
