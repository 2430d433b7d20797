"""Segmentation of photos without masks, by torchvision's Mask R-CNN."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from shelfnet.config.images import SegmenterSettings
from shelfnet.data.photographs.reader import PhotoError, SegmentFn

log = logging.getLogger(__name__)

WEIGHTS = MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1
LABELS: tuple[str, ...] = tuple(WEIGHTS.meta["categories"])
"""COCO category names, by label."""

MAX_SIDE_PX = 1333
"""Larger photos are shrunk to this side. The network shrinks them too, but returns masks at the size of its input."""

MAX_DETECTIONS = 20

_EXPECTED = "expected weights of maskrcnn_resnet50_fpn_v2"


@dataclass(frozen=True)
class Detections:
    """Detected objects of one photo, sorted by score.

    Attributes:
        labels: COCO category names.
        scores: Confidences in [0, 1].
        masks: Probability that each pixel belongs to the object.
    """

    labels: tuple[str, ...]
    scores: Float[np.ndarray, "n"]
    masks: Float[np.ndarray, "n h w"]


class MaskRcnnSegmenter:
    """Segmentation of the largest confident object of the configured categories.

    Args:
        network: Detection model with torchvision's interface.
        settings: Categories and minimum score.
    """

    def __init__(self, network: nn.Module, settings: SegmenterSettings) -> None:
        self.network = network.eval().requires_grad_(False)
        self.settings = settings

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
        """Binary mask of the object at the size of the photo.

        Raises:
            PhotoError: No object of these categories has the minimum score.
        """
        mask = select_mask(self.detect(_shrink(rgb)), self.settings)
        height, width, _ = rgb.shape
        resized = Image.fromarray(mask.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        return (np.asarray(resized) > 0.5).astype(np.float32)

    @torch.inference_mode()
    def detect(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """All detected objects."""
        device = next(self.network.parameters()).device
        image = torch.from_numpy(rgb.copy()).to(device).permute(2, 0, 1).float() / 255.0
        (detected,) = self.network([image])
        labels = tuple(LABELS[label] for label in detected["labels"].tolist())
        return Detections(labels, detected["scores"].cpu().numpy(), detected["masks"][:, 0].cpu().numpy())


def build_segmenter(settings: SegmenterSettings, device: torch.device | str = "cpu") -> SegmentFn:
    """The configured segmenter.

    Raises:
        FileNotFoundError: The weights are not available.
        ValueError: The file does not hold weights of this network.
    """
    origin = str(settings.path) if settings.weights == "file" else WEIGHTS.url
    weights = _file_weights(Path(origin)) if settings.weights == "file" else _cached_weights()
    network = maskrcnn_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        num_classes=len(LABELS),
        box_score_thresh=settings.score_threshold,
        box_detections_per_img=MAX_DETECTIONS,
    )
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{origin}: {_EXPECTED}: {error}") from error
    return MaskRcnnSegmenter(network.to(device), settings)


def select_mask(detections: Detections, settings: SegmenterSettings) -> Float[np.ndarray, "h w"]:
    """Mask of the confident object of the configured categories that covers the most pixels.

    Raises:
        PhotoError: There is no such object.
    """
    candidates = [
        index
        for index, (label, score) in enumerate(zip(detections.labels, detections.scores, strict=True))
        if label in settings.categories and score >= settings.score_threshold
    ]
    if not candidates:
        scored = zip(detections.labels[:5], detections.scores, strict=False)
        detected = ", ".join(f"{label} {score:.2f}" for label, score in scored) or "nothing"
        raise PhotoError(
            f"expected {', '.join(settings.categories)} with a score of at least {settings.score_threshold:.2f}, but "
            f"the segmenter detected {detected}; pass a mask, or change the segmenter's categories or threshold"
        )
    areas = (detections.masks[candidates] > 0.5).sum(axis=(1, 2))
    return detections.masks[candidates[int(areas.argmax())]]


def _shrink(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "p q 3"]:
    factor = MAX_SIDE_PX / max(rgb.shape[:2])
    if factor >= 1.0:
        return rgb
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    return np.asarray(Image.fromarray(rgb).resize((width, height)))


def _file_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"segmenter.path: expected the Mask R-CNN weights of {WEIGHTS.url} at {path}")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # unpickling a damaged file can raise anything
        raise ValueError(f"{path}: {_EXPECTED}: {error}") from error


def _cached_weights() -> dict[str, Tensor]:
    """Weights from torchvision's cache, downloaded if missing."""
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    name = WEIGHTS.url.rsplit("/", 1)[-1]
    if not (cache / name).is_file():
        log.info("downloading Mask R-CNN weights (177 MB) from %s to %s", WEIGHTS.url, cache)
    try:
        return WEIGHTS.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise FileNotFoundError(
            f"segmenter: the Mask R-CNN weights are neither in {cache} nor downloadable ({error}); put {name} from "
            f"{WEIGHTS.url} there, set segmenter.weights: file and segmenter.path (--segmenter-weights), or pass masks"
        ) from error
