"""Photos to meshes, with a network that is loaded once."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from shelfnet.config.images import ImagesSettings, SegmenterSettings
from shelfnet.config.load import for_ablation, merge, validate
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.schema import Config
from shelfnet.data.photographs.crops import crop_checked
from shelfnet.data.photographs.reader import MaskSource, PhotoError, SegmentFn, read_photo
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.devices import pick_device
from shelfnet.networks.checkpoint import RunDescription, load_model, read_run_description
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.prediction.checkpoints import find_checkpoint
from shelfnet.prediction.photo_prediction import PhotoPrediction, View
from shelfnet.prediction.photos import PhotoLike, as_source, photo_name
from shelfnet.reconstruction.mesh_extraction import NonFiniteFieldError
from shelfnet.reconstruction.refinement import OnStep
from shelfnet.reconstruction.single_view import Reconstruction, reconstruct_image, refine_reconstructions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictionSettings:
    """Settings that a prediction needs besides the network.

    Attributes:
        images: Requirements on photos and their masks, and the segmenter.
        reconstruct: Resolution, level and colours of the coarse mesh.
        refine: Settings of the refinement.
    """

    images: ImagesSettings
    reconstruct: ReconstructSettings
    refine: RefineSettings


def prediction_settings(description: RunDescription, overrides: Mapping[str, Any]) -> PredictionSettings:
    """Settings of a model, as at the time of its training, with overrides.

    Args:
        description: Description of the model.
        overrides: Raw configuration tree, as in ``config.yaml``. Of its sections, ``reconstruct``, ``refine`` and
            ``dataset.images`` have an effect, and so do the first two in ``ablations`` under the model's own ablation.

    Raises:
        ConfigError: An unknown key or a value out of range.
    """
    trained = {name: getattr(description, name).model_dump(mode="json") for name in ("reconstruct", "refine")}
    tree = Config().model_dump(mode="json") | trained | {"ablations": {description.ablation: {}}}
    config = for_ablation(validate(merge(tree, overrides)), description.ablation)
    return PredictionSettings(config.dataset.images, config.reconstruct, config.refine)


class EmptyMeshError(ValueError):
    """The predicted occupancy nowhere exceeds the level of the surface, or is not finite."""


PHOTO_ERRORS = (PhotoError, UnusableImageError, EmptyMeshError, OSError)
"""Errors of a single photo or of its output files; other photos can still be predicted."""


@dataclass(frozen=True)
class _Prepared:
    """A photo before the network: its mask and the crop around the object."""

    name: str
    photo: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    mask_source: MaskSource
    crop: UInt8[np.ndarray, "s s 4"]


@dataclass(frozen=True)
class Predictor:
    """Turns photos into meshes with a trained network.

    Example::

        predictor = Predictor.from_pretrained()
        predictor("chair.png").export("chair.glb")

    Attributes:
        model: Trained network in evaluation mode.
        render: Camera and size of the images that the network was trained on.
        object_share: Fraction of the image's side that objects fill in those images.
        images: Requirements on photos and their masks.
        reconstruct: Resolution, level and size of the mesh.
        refine: Settings of the refinement; ``None`` skips it.
        segment: Segmenter for photos without a mask whose background is not plain; ``None`` refuses them.
        name: Folder, ablation and iterations of the model, for messages.
        on_step: Called after each step of a refinement.
    """

    model: ShelfNet
    render: RenderSettings
    object_share: float
    images: ImagesSettings = field(default_factory=ImagesSettings)
    reconstruct: ReconstructSettings = field(default_factory=ReconstructSettings)
    refine: RefineSettings | None = None
    segment: SegmentFn | None = None
    name: str = ""
    on_step: OnStep | None = None

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.model.parameters()).device

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        device: str = "auto",
        refine: bool = True,
        overrides: Mapping[str, Any] | None = None,
    ) -> Predictor:
        """Load a trained model with the camera, crop and mesh settings of its checkpoint.

        Args:
            path: Folder of the model, or a folder of results, whose best model is taken. ``None`` takes the weights
                that come with the package.
            device: ``auto``, ``cpu`` or ``cuda``.
            refine: Whether to fit mesh and camera to the photo.
            overrides: Settings that replace those of the checkpoint, as in ``config.yaml``, for example
                ``{"refine": {"max_faces": 4000}}``.

        Raises:
            CheckpointError: There is no usable model.
            ConfigError: An override is misspelt or out of range.
            RuntimeError: ``cuda`` is asked for and there is no CUDA GPU.
            FileNotFoundError: The weights of the segmenter are not available.
            ValueError: The file with the weights of the segmenter holds something else.
        """
        folder = find_checkpoint(None if path is None else Path(path))
        target = pick_device(device)
        description = read_run_description(folder)
        settings = prediction_settings(description, overrides or {})
        return cls(
            model=load_model(folder, target),
            render=description.render,
            object_share=description.object_share,
            images=settings.images,
            reconstruct=settings.reconstruct,
            refine=settings.refine if refine else None,
            segment=_build_segmenter(settings.images.segmenter, target),
            name=f"{folder} ({description.ablation}, {description.iterations} iterations)",
        )

    def __call__(self, photo: PhotoLike, mask: PhotoLike | None = None) -> PhotoPrediction:
        """Predict the mesh of the object in a photo.

        Args:
            photo: Image file, Pillow image, or array ``h w 3`` or ``h w 4`` of ``uint8`` or of floats in [0, 1].
            mask: Mask in any of these forms, or an array ``h w``, bright on the object; it replaces the photo's alpha.

        Raises:
            MissingMaskError: The photo has no mask, its background is not plain, and there is no segmenter.
            PhotoError: Photo or mask cannot be used.
            UnusableImageError: The object is uniformly black or white.
            EmptyMeshError: The network predicts no surface.
        """
        return self.predict_batch([photo], [mask])[0]

    def predict_batch(
        self, photos: Sequence[PhotoLike], masks: Sequence[PhotoLike | None] | None = None
    ) -> list[PhotoPrediction]:
        """Predict the meshes of several photos, which are refined together.

        Args:
            photos: Photos, as for one.
            masks: One mask or ``None`` per photo; ``None`` if no photo has one.

        Raises:
            ValueError: The numbers of photos and masks differ.
            MissingMaskError: A photo has no mask and there is no segmenter. This and all further errors are those of
                the first unusable photo.
            PhotoError: A photo or a mask cannot be used.
            UnusableImageError: An object is uniformly black or white.
            EmptyMeshError: The network predicts no surface for a photo.
        """
        masks = [None] * len(photos) if masks is None else masks
        if len(masks) != len(photos):
            raise ValueError(f"expected one mask or None per photo, got {len(masks)} masks for {len(photos)} photos")
        size = len(photos) if self.refine is None else self.refine.batch_size
        pairs = list(zip(photos, masks, strict=True))
        batches = [pairs[start : start + size] for start in range(0, len(pairs), max(size, 1))]
        return [predicted for batch in batches for predicted in self._predict(batch)]

    def _predict(self, batch: Sequence[tuple[PhotoLike, PhotoLike | None]]) -> list[PhotoPrediction]:
        started = time.perf_counter()
        prepared = [self._prepare(photo, mask) for photo, mask in batch]
        stacked = torch.from_numpy(np.stack([each.crop for each in prepared]))
        images, alphas = composite_on_white(stacked.permute(0, 3, 1, 2).to(self.device))
        predicted = [
            self._reconstruct(each.name, images[index : index + 1], alphas[index : index + 1])
            for index, each in enumerate(prepared)
        ]
        if self.refine is not None:
            with _one_thread():
                predicted = refine_reconstructions(predicted, images, alphas, self.refine, self.render, self.on_step)
        seconds = (time.perf_counter() - started) / len(batch)
        return [self._result(each, mesh, seconds) for each, mesh in zip(prepared, predicted, strict=True)]

    def _prepare(self, photo: PhotoLike, mask: PhotoLike | None) -> _Prepared:
        name = photo_name(photo)
        mask_file = None if mask is None else as_source(mask)
        masked = read_photo(as_source(photo), mask_file, self.segment, plain_background=self.images.plain_background)
        isolated = masked.isolate()
        for remark in isolated.remarks:
            log.warning("%s: %s", name, remark)
        try:
            crop = crop_checked(isolated.rgba, self._crop_px(), self.object_share, self.images, name)
        except PhotoError as error:
            raise PhotoError(f"{name}: {error}") from error
        return _Prepared(name, isolated.rgba[..., :3], isolated.rgba[..., 3], masked.mask_source, crop)

    def _reconstruct(
        self, name: str, image: Float[Tensor, "1 3 s s"], alpha: Float[Tensor, "1 1 s s"]
    ) -> Reconstruction:
        try:
            predicted = reconstruct_image(self.model, image, alpha, self.reconstruct, self.render)
        except NonFiniteFieldError as error:
            raise EmptyMeshError(f"{name}: the network predicts no surface: {error}") from error
        if predicted.surface.mesh.is_empty:
            level = self.reconstruct.level
            raise EmptyMeshError(f"{name}: the network predicts no surface: no occupancy above {level}")
        return predicted

    def _result(self, prepared: _Prepared, predicted: Reconstruction, seconds: float) -> PhotoPrediction:
        azimuth_deg, elevation_deg = math.degrees(predicted.azimuth), math.degrees(predicted.elevation)
        return PhotoPrediction(
            mesh=predicted.surface,
            view=View(azimuth_deg, elevation_deg, self.render.fov_deg, self.render.camera_distance),
            photo=prepared.photo,
            mask=prepared.mask,
            mask_source=prepared.mask_source,
            crop=prepared.crop,
            mask_iou=predicted.mask_iou,
            seconds=seconds,
        )

    def _crop_px(self) -> int:
        """Side of the crop: that of the training images, or of the baked texture if that is finer."""
        stages = [stage for stage in (self.reconstruct, self.refine) if stage is not None]
        return max([self.render.resolution_px, *(stage.texture_px for stage in stages if stage.texture == "atlas")])


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one CPU thread: refinement consists of many small operations, in which threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _build_segmenter(settings: SegmenterSettings, device: torch.device) -> SegmentFn | None:
    if settings.kind == "none":
        return None
    from shelfnet.networks.segmenter import build_segmenter  # needs torchvision

    return build_segmenter(settings, device)
