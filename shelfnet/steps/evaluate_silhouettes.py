"""Evaluate predictions without ground truth, by mask IoU and mesh quality.

Columns that need a true surface or view stay blank.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from shelfnet.config.render import RenderSettings
from shelfnet.data.catalogue.splits import TEST
from shelfnet.data.shards.reader import EvaluationViews, load_evaluation_views
from shelfnet.evaluation.baselines import sphere_mesh
from shelfnet.evaluation.components import connectivity
from shelfnet.evaluation.methods import SPHERE
from shelfnet.evaluation.metrics import WORST_COMPONENTS, WORST_FLOATER_FRACTION
from shelfnet.evaluation.predictions import load_test_views, read_predictions
from shelfnet.evaluation.results import COLUMNS, NO_TRUTH, write_results
from shelfnet.evaluation.scoring import has_surface
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.reconstruction.coloured_mesh import load_glb
from shelfnet.reconstruction.silhouettes import mask_iou
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import hard_silhouette, rasterize
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)

_JOURNAL_MEANS = ("mask_iou", "components", "floater_fraction", "n_faces")


def evaluate_silhouettes(
    *,
    ablation: str,
    seed: int,
    coarse: Sequence[Path],
    refined: Sequence[Path],
    shards: Sequence[Path],
    output: Path,
    journal: Path,
) -> None:
    """Write one row per test view and stage: mask IoU, connected components, floaters and number of faces.

    Args:
        ablation: Name of the ablation.
        seed: Seed of the run.
        coarse: Folders with coarse meshes and ``predictions.parquet``.
        refined: The same after refinement; may be empty.
        shards: Image shards, for the categories of the test views.
        output: ``chamfer.csv`` to publish.
        journal: Events of the run ``<ablation>/seed<n>``.

    Raises:
        PredictionsError: Predictions are damaged or missing, or none is of the test split.
        ShardError: A shard is damaged.
    """
    folders = {stage: given for stage, given in (("coarse", coarse), ("refined", refined)) if given}
    predictions = pd.concat([read_predictions(given, stage) for stage, given in folders.items()], ignore_index=True)
    test = predictions[predictions["split"] == TEST]
    views = load_test_views(test, tuple(folders), shards)
    rows = pd.DataFrame([_score(row) for row in test.itertuples()])
    rows = rows.merge(views, on=["model_id", "view"], validate="many_to_one")
    write_results(_with_blanks(rows.assign(ablation=ablation, seed=seed)), output)
    log.info("%s seed %d: %d rows without ground truth", ablation, seed, len(rows))
    _write_journal(Journal(journal, run=f"{ablation}/seed{seed}"), rows, output)


def evaluate_sphere(
    *, render: RenderSettings, shards: Sequence[Path], views_per_model: int, output: Path, journal: Path
) -> None:
    """Write one row per test view for the sphere, the only baseline without true shapes.

    Its silhouette is the same from every view.

    Args:
        render: Camera of the silhouettes.
        shards: Image shards of the test views.
        views_per_model: Number of evaluated views per object.
        output: ``chamfer.csv`` of the baselines to publish.
        journal: Events of the run ``baselines``.

    Raises:
        ShardError: A shard is damaged.
    """
    views = load_evaluation_views(shards, TEST, views_per_model)
    sphere = sphere_mesh()
    rows = views.table().assign(
        ablation=SPHERE,
        seed=0,
        stage="coarse",
        status="ok",
        mask_iou=_sphere_mask_iou(views, render),
        n_faces=len(sphere.faces),
        components=1.0,
        floater_fraction=0.0,
    )
    write_results(_with_blanks(rows), output)
    run = Journal(journal, run="baselines")
    run.metrics(0, {f"test/{SPHERE}/mask_iou": rows["mask_iou"].mean()})
    run.artifact(output)


def _score(row: Any) -> dict[str, Any]:
    """Metrics of one prediction; the worst values if it has no surface."""
    identity = {name: getattr(row, name) for name in ("model_id", "view", "stage")}
    mesh = load_glb(row.mesh).mesh if row.status == "ok" else None
    if mesh is None or not has_surface(mesh):
        worst = {"components": float(WORST_COMPONENTS), "floater_fraction": WORST_FLOATER_FRACTION}
        return {**identity, "status": "empty", "mask_iou": 0.0, "n_faces": 0, **worst}
    parts = connectivity(mesh)
    return {
        **identity,
        "status": "ok",
        "mask_iou": np.nan_to_num(row.mask_iou),
        "n_faces": len(mesh.faces),
        "components": float(parts.components),
        "floater_fraction": parts.floater_fraction,
    }


def _with_blanks(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the blank columns that need a true shape or view."""
    blank = {name: np.nan for name in COLUMNS if name not in rows}
    return rows.assign(**blank | {"alignment": NO_TRUTH, "has_truth": False})


def _sphere_mask_iou(views: EvaluationViews, render: RenderSettings) -> Float[np.ndarray, "n"]:
    masks = torch.from_numpy(views.images[..., 3]).float() / 255.0
    camera = look_at_origin(torch.zeros(1), torch.zeros(1), render.camera_distance)
    fov, size_px = math.radians(render.fov_deg), masks.shape[-1]
    fragments = rasterize(pack_meshes([sphere_mesh()]), camera, fov, size_px, faces_per_pixel=1, blur_radius=0.0)
    return mask_iou(hard_silhouette(fragments).expand(len(masks), -1, -1), masks).numpy()


def _write_journal(run: Journal, rows: pd.DataFrame, output: Path) -> None:
    metrics = {}
    for stage, group in rows.groupby("stage"):
        metrics |= {f"test/{stage}/{name}": group[name].mean() for name in _JOURNAL_MEANS}
        metrics[f"test/{stage}/empty"] = (group["status"] == "empty").sum()
    run.metrics(0, metrics)
    run.artifact(output)
