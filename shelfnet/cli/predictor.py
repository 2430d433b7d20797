"""One photo to one mesh, with a model that is loaded once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from shelfnet.config.images import ImagesSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.photographs.crops import check_coverage, check_object_size, crop_to_object
from shelfnet.data.photographs.pixels import MissingMaskError, Segment, read_photo
from shelfnet.data.shards.encoding import check_image
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.reconstruction.views import ViewedMesh, reconstruct_view, refine_views
from shelfnet.training.batches import composite

ADVICE = "pass one (--mask), an image whose alpha is the mask, or have one made (--segmenter mask_rcnn)"


class EmptyMeshError(ValueError):
    """A network sees nothing in a photo."""


@dataclass(frozen=True)
class Predicted:
    """A mesh, and the crop of the photo that it was predicted from."""

    crop: UInt8[np.ndarray, "s s 4"]
    view: ViewedMesh


@dataclass(frozen=True)
class Predictor:
    """A trained model with all that it needs to turn a photo into a mesh.

    Attributes:
        model: in evaluation mode.
        render: camera and size of the images that it learned from.
        object_share: of an image's side, that objects take in them.
        images: what a usable mask is.
        reconstruct: resolution, level and size of meshes.
        refine: of the optimisation; none to leave it out.
        segment: makes masks for photos without one, if set.
    """

    model: ShelfNet
    render: RenderSettings
    object_share: float
    images: ImagesSettings
    reconstruct: ReconstructSettings
    refine: RefineSettings | None
    segment: Segment | None

    def __call__(self, photo: Path, mask: Path | None) -> Predicted:
        """The mesh of a photo's object.

        Raises:
            PhotoError: photo or mask cannot be used.
            UnusableImageError: the object is black or white all over.
            EmptyMeshError: the network sees nothing.
        """
        crop = self._crop(photo, mask)
        rgba = torch.from_numpy(crop).permute(2, 0, 1)[None].to(next(self.model.parameters()).device)
        image, alpha = composite(rgba)
        view = reconstruct_view(self.model, image, alpha, self.reconstruct, self.render)
        if view.surface.mesh.is_empty:
            raise EmptyMeshError(f"the network sees nothing: no occupancy above {self.reconstruct.level}")
        if self.refine is not None:
            (view,) = refine_views([view], image, alpha, self.refine, self.render)
        return Predicted(crop, view)

    def _crop(self, photo: Path, mask: Path | None) -> UInt8[np.ndarray, "s s 4"]:
        try:
            rgba = read_photo(photo, mask, self.segment)
        except MissingMaskError as error:
            raise MissingMaskError(f"{error}; {ADVICE}") from error
        check_coverage(rgba, self.images.min_coverage)
        check_object_size(rgba, self.images.min_object_px)
        crop = crop_to_object(rgba, self._crop_px(), self.object_share)
        check_image(crop, photo.name)
        return crop

    def _crop_px(self) -> int:
        """As large as the images that the network knows, and as fine as the textures that are baked from it."""
        stages = [stage for stage in (self.reconstruct, self.refine) if stage is not None]
        return max([self.render.resolution_px, *(stage.texture_px for stage in stages if stage.texture == "atlas")])
