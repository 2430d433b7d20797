"""Validation along the way: geometry draws the curve, and never chooses a checkpoint."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.shards.reader import EvaluationViews, load_evaluation_views
from shelfnet.data.surfaces import load_surfaces
from shelfnet.evaluation.alignment import AlignmentPair, ValidationSet, YRotation, fit_y_rotation
from shelfnet.evaluation.metrics import CURVE_POINTS, WORST, WORST_AZIMUTH_ERROR_DEG, azimuth_error_deg, chamfer
from shelfnet.evaluation.neighbours import neighbour_index
from shelfnet.geometry.meshes import Mesh, sample_surface
from shelfnet.inference import predict_view
from shelfnet.losses.reconstruction import soft_iou
from shelfnet.networks.encoder import resize
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.reconstruction.mesh_extraction import mesh_from_grid
from shelfnet.renderer.compositing import composite
from shelfnet.representations.field import Field

ALIGNMENT_POINTS = 256
BATCH = 16


@dataclass(frozen=True)
class Predictions:
    """What the network says of the validation images; ``meshes`` may be empty ones."""

    azimuth_deg: np.ndarray
    occupancy: np.ndarray
    mask_iou: np.ndarray
    meshes: tuple[Mesh, ...]


Measure = Callable[[ShelfNet, float], dict[str, float]]
"""What a network is worth while training decodes a share of its latents, as named numbers."""


def build_validator(
    config: TrainInputs, level: float, shards: Sequence[Path], surfaces: Sequence[Path], seed: int
) -> Measure:
    """What measures a network during training: :class:`Validator` where there are true surfaces to compare with.

    Args:
        config: Settings of the ablation.
        level: Occupancy at the surface.
        shards: images.
        surfaces: true surfaces; none where the data set has no truth.
        seed: of the points on predicted surfaces.
    """
    return Validator(config, level, shards, surfaces, seed) if surfaces else SilhouetteValidator(config, level, shards)


class SilhouetteValidator:
    """Measures on validation views what needs no true shape or view.

    Args:
        config: Settings of the ablation.
        level: Occupancy at the surface.
        shards: images.
        among: models to measure on; all of the split where ``None``.
    """

    def __init__(
        self, config: TrainInputs, level: float, shards: Sequence[Path], among: Container[str] | None = None
    ) -> None:
        self.views = load_evaluation_views(
            shards, "validation", None, model_ids=among, max_views=config.train.validation_views
        )
        self.rows = np.arange(len(self.views.model_ids))
        self.resolution = config.model.decoder.occupancy_resolution
        self.level = level
        self.chosen_by = config.choose_view

    def __call__(self, model: ShelfNet, latent_share: float) -> dict[str, float]:
        """Mean ``mask_iou`` and what tells a collapse.

        Args:
            model: in evaluation mode.
            latent_share: factor of the latents, as in training at that time; 1 of a finished model.
        """
        return self.summarise(self.predict(model, latent_share))

    def summarise(self, predictions: Predictions) -> dict[str, float]:
        """What masks and occupancies say by themselves."""
        return {
            "mask_iou": float(predictions.mask_iou.mean()),
            "occupied_fraction": float((predictions.occupancy > self.level).mean()),
            "empty_fraction": float(np.mean([mesh.is_empty for mesh in predictions.meshes])),
        }

    def predict(self, model: ShelfNet, latent_share: float) -> Predictions:
        """Views, occupancies, meshes and overlaps of all validation images."""
        batches = np.array_split(self.rows, _batches(self.rows))
        parts = [self._predict_batch(model, latent_share, rows) for rows in batches]
        azimuth, occupancy, iou = (np.concatenate(values) for values in zip(*parts, strict=True))
        meshes = [mesh_from_grid(grid, self.level, largest_component=False, max_faces=grid.size) for grid in occupancy]
        return Predictions(azimuth, occupancy, iou, tuple(meshes))

    def _predict_batch(
        self, model: ShelfNet, latent_share: float, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        device = next(model.parameters()).device
        images, masks = _images(self.views, rows, device)
        encoding = model.encode(images)
        field = model.decode(latent_share * encoding.latent)
        observed = Rendering(images, masks.squeeze(1))
        view = predict_view(model, field, encoding, observed, self.chosen_by)
        rendered = model.render(field, *view)
        iou = soft_iou(rendered.mask, resize(masks, rendered.mask.shape[-1]).squeeze(1))
        azimuth = torch.rad2deg(view[0]).double()
        return azimuth.cpu().numpy(), occupancy_grid(field, len(rows), self.resolution, device), iou.cpu().numpy()


class Validator:
    """Measures a network on validation views, under one rotation fitted on their shapes, as the test table does.

    Args:
        config: Settings of the ablation.
        level: Occupancy at the surface.
        shards: images.
        surfaces: true surfaces.
        seed: of the points on predicted surfaces.
    """

    def __init__(
        self, config: TrainInputs, level: float, shards: Sequence[Path], surfaces: Sequence[Path], seed: int
    ) -> None:
        stored = load_surfaces(surfaces)
        self.silhouettes = SilhouetteValidator(config, level, shards, among=stored)
        views, rows = self.silhouettes.views, self.silhouettes.rows
        self.model_ids = [views.model_ids[row] for row in rows]
        self.true_azimuth_deg = views.azimuths_deg[rows]
        self.seed = seed
        self.steps = config.alignment_steps
        self.true_points = {id_: stored[id_].points[:CURVE_POINTS] for id_ in sorted(set(self.model_ids))}
        self.true_index = {model_id: neighbour_index(points) for model_id, points in self.true_points.items()}

    def __call__(self, model: ShelfNet, latent_share: float) -> dict[str, float]:
        """Mean ``chamfer``, median ``azimuth_error_deg`` and what tells a collapse.

        Args:
            model: in evaluation mode.
            latent_share: factor of the latents, as in training at that time; 1 of a finished model.
        """
        predictions = self.silhouettes.predict(model, latent_share)
        pairs = self._pairs(predictions.meshes)
        rotation = fit_y_rotation(ValidationSet(tuple(_thinned(pair) for pair in pairs if pair)), self.steps)
        distances = [WORST.chamfer if pair is None else self._chamfer(pair, rotation.apply) for pair in pairs]
        return {
            "chamfer": float(np.mean(distances)),
            "azimuth_error_deg": float(np.median(self._azimuth_errors_deg(predictions, rotation))),
            **self.silhouettes.summarise(predictions),
        }

    def _azimuth_errors_deg(self, predictions: Predictions, rotation: YRotation) -> Float[np.ndarray, "n"]:
        """Errors of the predicted azimuths; without a surface, the worst."""
        errors = azimuth_error_deg(predictions.azimuth_deg, self.true_azimuth_deg, rotation.angle_deg)
        empty = [mesh.is_empty for mesh in predictions.meshes]
        return np.where(empty, WORST_AZIMUTH_ERROR_DEG, errors)

    def _pairs(self, meshes: Sequence[Mesh]) -> list[AlignmentPair | None]:
        generator = np.random.default_rng(self.seed)
        pairs: list[AlignmentPair | None] = []
        for model_id, mesh in zip(self.model_ids, meshes, strict=True):
            if mesh.is_empty:
                pairs.append(None)
                continue
            points, _ = sample_surface(mesh, CURVE_POINTS, generator)
            pairs.append(AlignmentPair(model_id, "validation", points, self.true_points[model_id]))
        return pairs

    def _chamfer(self, pair: AlignmentPair, align) -> float:
        predicted = align(pair.predicted)
        to_true = self.true_index[pair.model_id](predicted).distances
        return chamfer(to_true, neighbour_index(predicted)(pair.true).distances)


def occupancy_grid(field: Field, batch: int, resolution: int, device: torch.device) -> np.ndarray:
    """Occupancy at cell centres, ``b z y x``."""
    centres = (torch.arange(resolution, device=device) + 0.5) / resolution - 0.5
    z, y, x = torch.meshgrid(centres, centres, centres, indexing="ij")
    points = torch.stack([x, y, z], dim=-1).reshape(1, -1, 3).expand(batch, -1, -1)
    return field.occupancy(points).reshape(batch, resolution, resolution, resolution).cpu().numpy()


def _images(views: EvaluationViews, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    return composite(torch.from_numpy(views.images[rows]).permute(0, 3, 1, 2).to(device))


def _thinned(pair: AlignmentPair) -> AlignmentPair:
    return AlignmentPair(pair.model_id, pair.split, pair.predicted[:ALIGNMENT_POINTS], pair.true[:ALIGNMENT_POINTS])


def _batches(rows: np.ndarray) -> int:
    return -(-len(rows) // BATCH)
