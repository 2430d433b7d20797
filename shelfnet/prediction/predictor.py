"""One photo to one mesh, with a network that is loaded once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from shelfnet.config.images import ImagesSettings, SegmenterSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.photographs.crops import check_mask, crop_to_object
from shelfnet.data.photographs.masks import isolate_object
from shelfnet.data.photographs.reader import SegmentFn, read_photo
from shelfnet.data.shards.encoding import check_image
from shelfnet.devices import pick_device
from shelfnet.networks.checkpoint import load_model, read_run_description
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.prediction.checkpoints import find_checkpoint
from shelfnet.prediction.settings import prediction_settings
from shelfnet.reconstruction.single_view import Reconstruction, reconstruct_image, refine_reconstructions

log = logging.getLogger(__name__)


class EmptyMeshError(ValueError):
    """The predicted occupancy nowhere exceeds the level of the surface."""


@dataclass(frozen=True)
class PhotoReconstruction:
    """Mesh and camera predicted from a photo, with the crop of the photo that the network saw."""

    crop: UInt8[np.ndarray, "s s 4"]
    reconstruction: Reconstruction


@dataclass(frozen=True)
class Predictor:
    """Turns photos into meshes with a trained network.

    Example::

        predictor = Predictor.from_pretrained()
        mesh = predictor(Path("chair.png")).reconstruction.surface.mesh

    Attributes:
        model: Trained network in evaluation mode.
        render: Camera and size of the images that the network was trained on.
        object_share: Fraction of the image's side that objects fill in those images.
        images: Requirements on photos and their masks.
        reconstruct: Resolution, level and size of the mesh.
        refine: Settings of the refinement; ``None`` skips it.
        segment: Segmenter for photos without a mask; ``None`` refuses them.
        name: Folder, ablation and iterations of the model, for messages.
    """

    model: ShelfNet
    render: RenderSettings
    object_share: float
    images: ImagesSettings = field(default_factory=ImagesSettings)
    reconstruct: ReconstructSettings = field(default_factory=ReconstructSettings)
    refine: RefineSettings | None = None
    segment: SegmentFn | None = None
    name: str = ""

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.model.parameters()).device

    @classmethod
    def from_pretrained(
        cls,
        path: Path | None = None,
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
        folder = find_checkpoint(path)
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

    def __call__(self, photo: Path, mask: Path | None = None) -> PhotoReconstruction:
        """Predict the mesh of the object in a photo.

        Args:
            photo: Image file.
            mask: Mask file, which replaces the photo's alpha.

        Raises:
            MissingMaskError: The photo has no mask and there is no segmenter.
            PhotoError: Photo or mask cannot be used.
            UnusableImageError: The object is uniformly black or white.
            EmptyMeshError: The network predicts no surface.
        """
        crop = self._crop(photo, mask)
        rgba = torch.from_numpy(crop).permute(2, 0, 1)[None].to(self.device)
        image, alpha = composite_on_white(rgba)
        predicted = reconstruct_image(self.model, image, alpha, self.reconstruct, self.render)
        if predicted.surface.mesh.is_empty:
            raise EmptyMeshError(f"the network predicts no surface: no occupancy above {self.reconstruct.level}")
        if self.refine is not None:
            (predicted,) = refine_reconstructions([predicted], image, alpha, self.refine, self.render)
        return PhotoReconstruction(crop, predicted)

    def _crop(self, photo: Path, mask: Path | None) -> UInt8[np.ndarray, "s s 4"]:
        isolated = isolate_object(read_photo(photo, mask, self.segment))
        for remark in isolated.remarks:
            log.warning("%s: %s", photo, remark)
        check_mask(isolated.rgba, self.images.min_coverage, self.images.min_object_px)
        crop = crop_to_object(isolated.rgba, self._crop_px(), self.object_share)
        check_image(crop, photo.name)
        return crop

    def _crop_px(self) -> int:
        """Side of the crop: that of the training images, or of the baked texture if that is finer."""
        stages = [stage for stage in (self.reconstruct, self.refine) if stage is not None]
        return max([self.render.resolution_px, *(stage.texture_px for stage in stages if stage.texture == "atlas")])


def _build_segmenter(settings: SegmenterSettings, device: torch.device) -> SegmentFn | None:
    if settings.kind == "none":
        return None
    from shelfnet.networks.segmenter import build_segmenter  # needs torchvision

    return build_segmenter(settings, device)
