"""Validation during training. True geometry draws the curves; it never chooses a checkpoint."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.evaluate import CURVE_POINTS
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.data.surfaces import load_surfaces
from shelfnet.evaluation.alignment import VALIDATION, AlignmentPair, ValidationSet, YRotation, fit_y_rotation
from shelfnet.evaluation.metrics import WORST, chamfer
from shelfnet.evaluation.neighbours import neighbour_index
from shelfnet.evaluation.view_errors import WORST_AZIMUTH_ERROR_DEG, azimuth_error_deg
from shelfnet.geometry.meshes import Mesh, sample_surface
from shelfnet.inference import predict_view
from shelfnet.losses.reconstruction import soft_iou
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.encoder import resize
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.reconstruction.mesh_extraction import mesh_from_grid
from shelfnet.representations.field import Field

ALIGNMENT_POINTS = 256
"""Number of points per shape with which the rotation is fitted."""

BATCH_VIEWS = 16

Validate = Callable[[ShelfNet, float], dict[str, float]]
"""Maps a network and its latent scale to named metrics."""


@dataclass(frozen=True)
class ValidationPredictions:
    """Predictions of a network for all validation views.

    Attributes:
        azimuth_deg: Predicted azimuths.
        occupancy: Occupancy at cell centres.
        mask_iou: IoU of the rendered and the true mask.
        meshes: Extracted meshes; some may be empty.
    """

    azimuth_deg: Float[np.ndarray, "n"]
    occupancy: Float[np.ndarray, "n z y x"]
    mask_iou: Float[np.ndarray, "n"]
    meshes: tuple[Mesh, ...]


def build_validator(
    settings: TrainInputs, level: float, shards: Sequence[Path], surfaces: Sequence[Path], seed: int
) -> Validate:
    """Validator for a data set: :class:`ShapeValidator` if it has true surfaces, else :class:`SilhouetteValidator`.

    Args:
        settings: Settings of the ablation.
        level: Occupancy at the surface.
        shards: Shards of images.
        surfaces: True surfaces; empty if the data set has none.
        seed: Seed of the points on predicted surfaces.
    """
    if surfaces:
        return ShapeValidator(settings, level, shards, surfaces, seed)
    return SilhouetteValidator(settings, level, shards)


class SilhouetteValidator:
    """Measures what needs neither true shapes nor true views.

    Args:
        settings: Settings of the ablation.
        level: Occupancy at the surface.
        shards: Shards of images.
        model_ids: Models to measure on; the whole validation split if ``None``.
    """

    def __init__(
        self, settings: TrainInputs, level: float, shards: Sequence[Path], model_ids: Container[str] | None = None
    ) -> None:
        self.views = load_evaluation_views(
            shards, VALIDATION, None, model_ids=model_ids, max_views=settings.train.validation_views
        )
        self.resolution = settings.model.decoder.occupancy_resolution
        self.level = level
        self.chosen_by = settings.choose_view

    def __call__(self, model: ShelfNet, latent_scale: float) -> dict[str, float]:
        """Mean ``mask_iou``, ``occupied_fraction`` and ``empty_fraction``.

        Args:
            model: Network in evaluation mode.
            latent_scale: Factor of the latents, as in training at this iteration; 1 for a finished model.
        """
        return self.summarise(self.predict(model, latent_scale))

    def summarise(self, predictions: ValidationPredictions) -> dict[str, float]:
        """Numbers that masks and occupancies give by themselves."""
        return {
            "mask_iou": float(predictions.mask_iou.mean()),
            "occupied_fraction": float((predictions.occupancy > self.level).mean()),
            "empty_fraction": float(np.mean([mesh.is_empty for mesh in predictions.meshes])),
        }

    def predict(self, model: ShelfNet, latent_scale: float) -> ValidationPredictions:
        """Views, occupancies, masks and meshes of all validation views."""
        rows = np.arange(len(self.views.model_ids))
        batches = np.array_split(rows, -(-len(rows) // BATCH_VIEWS))
        parts = [self._predict_batch(model, latent_scale, batch) for batch in batches]
        azimuth, occupancy, iou = (np.concatenate(values) for values in zip(*parts, strict=True))
        meshes = [mesh_from_grid(grid, self.level, largest_component=False, max_faces=grid.size) for grid in occupancy]
        return ValidationPredictions(azimuth, occupancy, iou, tuple(meshes))

    def _predict_batch(
        self, model: ShelfNet, latent_scale: float, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        device = next(model.parameters()).device
        rgba = torch.from_numpy(self.views.images[rows]).permute(0, 3, 1, 2)
        images, masks = composite_on_white(rgba.to(device))
        encoding = model.encode(images)
        field = model.decode(latent_scale * encoding.latent)
        view = predict_view(model, field, encoding, Rendering(images, masks.squeeze(1)), self.chosen_by)
        rendered = model.render(field, *view)
        iou = soft_iou(rendered.mask, resize(masks, rendered.mask.shape[-1]).squeeze(1))
        azimuth_deg = torch.rad2deg(view[0]).double()
        return azimuth_deg.cpu().numpy(), occupancy_grid(field, len(rows), self.resolution, device), iou.cpu().numpy()


class ShapeValidator:
    """Measures shapes and views under one azimuth rotation, fitted on the validation shapes as for the test table.

    Args:
        settings: Settings of the ablation.
        level: Occupancy at the surface.
        shards: Shards of images.
        surfaces: True surfaces.
        seed: Seed of the points on predicted surfaces.
    """

    def __init__(
        self, settings: TrainInputs, level: float, shards: Sequence[Path], surfaces: Sequence[Path], seed: int
    ) -> None:
        stored = load_surfaces(surfaces)
        self.silhouettes = SilhouetteValidator(settings, level, shards, model_ids=stored)
        self.model_ids = self.silhouettes.views.model_ids
        self.true_azimuth_deg = self.silhouettes.views.azimuths_deg
        self.seed = seed
        self.alignment_steps = settings.alignment_steps
        self.true_points = {id_: stored[id_].points[:CURVE_POINTS] for id_ in sorted(set(self.model_ids))}
        self.true_index = {model_id: neighbour_index(points) for model_id, points in self.true_points.items()}

    def __call__(self, model: ShelfNet, latent_scale: float) -> dict[str, float]:
        """Mean ``chamfer``, median ``azimuth_error_deg`` and the numbers of :class:`SilhouetteValidator`.

        Args:
            model: Network in evaluation mode.
            latent_scale: Factor of the latents, as in training at this iteration; 1 for a finished model.
        """
        predictions = self.silhouettes.predict(model, latent_scale)
        pairs = self._pairs(predictions.meshes)
        subsampled = tuple(_subsampled(pair) for pair in pairs if pair is not None)
        rotation = fit_y_rotation(ValidationSet(subsampled), self.alignment_steps)
        distances = [WORST.chamfer if pair is None else self._chamfer(pair, rotation) for pair in pairs]
        return {
            "chamfer": float(np.mean(distances)),
            "azimuth_error_deg": float(np.median(self._azimuth_errors_deg(predictions, rotation))),
            **self.silhouettes.summarise(predictions),
        }

    def _azimuth_errors_deg(self, predictions: ValidationPredictions, rotation: YRotation) -> Float[np.ndarray, "n"]:
        """Errors of the predicted azimuths; the worst error for empty meshes."""
        errors = azimuth_error_deg(predictions.azimuth_deg, self.true_azimuth_deg, rotation.angle_deg)
        empty = [mesh.is_empty for mesh in predictions.meshes]
        return np.where(empty, WORST_AZIMUTH_ERROR_DEG, errors)

    def _pairs(self, meshes: Sequence[Mesh]) -> list[AlignmentPair | None]:
        """Predicted and true points per view; ``None`` for empty meshes."""
        generator = np.random.default_rng(self.seed)
        pairs: list[AlignmentPair | None] = []
        for model_id, mesh in zip(self.model_ids, meshes, strict=True):
            if mesh.is_empty:
                pairs.append(None)
                continue
            points, _ = sample_surface(mesh, CURVE_POINTS, generator)
            pairs.append(AlignmentPair(model_id, VALIDATION, points, self.true_points[model_id]))
        return pairs

    def _chamfer(self, pair: AlignmentPair, rotation: YRotation) -> float:
        predicted = rotation.apply(pair.predicted)
        to_true = self.true_index[pair.model_id](predicted).distances
        return chamfer(to_true, neighbour_index(predicted)(pair.true).distances)


def occupancy_grid(field: Field, batch: int, resolution: int, device: torch.device) -> Float[np.ndarray, "b z y x"]:
    """Occupancy of a batch of fields at the cell centres of a grid over the unit cube."""
    centres: Tensor = (torch.arange(resolution, device=device) + 0.5) / resolution - 0.5
    z, y, x = torch.meshgrid(centres, centres, centres, indexing="ij")
    points = torch.stack([x, y, z], dim=-1).reshape(1, -1, 3).expand(batch, -1, -1)
    return field.occupancy(points).reshape(batch, resolution, resolution, resolution).cpu().numpy()


def _subsampled(pair: AlignmentPair) -> AlignmentPair:
    return AlignmentPair(pair.model_id, pair.split, pair.predicted[:ALIGNMENT_POINTS], pair.true[:ALIGNMENT_POINTS])
