"""Masks for photos that have none: torchvision's Mask R-CNN behind a function from pixels to a mask."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from shelfnet.config.images import SegmenterSettings
from shelfnet.data.photographs.pixels import PhotoError, Segment

log = logging.getLogger(__name__)

WEIGHTS = MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1
LABELS: tuple[str, ...] = tuple(WEIGHTS.meta["categories"])
"""COCO's name of every label that the network gives."""

MAX_SIDE_PX = 1333
"""Longer photos are shrunk before: the network does so itself, but would paste its masks at the photo's size."""

MAX_DETECTIONS = 20

_EXPECTED = "expected weights of maskrcnn_resnet50_fpn_v2"


@dataclass(frozen=True)
class Detections:
    """What a detector sees in one photo, best first.

    Attributes:
        labels: COCO names.
        scores: in [0, 1].
        masks: probability that a pixel belongs to the thing.
    """

    labels: tuple[str, ...]
    scores: Float[np.ndarray, "n"]
    masks: Float[np.ndarray, "n h w"]


class MaskRcnnSegmenter:
    """Finds the largest confident thing of the wanted categories.

    Args:
        network: from a list of one photo in [0, 1] to torchvision's detections.
        settings: categories and least score.
    """

    def __init__(self, network: nn.Module, settings: SegmenterSettings) -> None:
        self.network = network.eval().requires_grad_(False)
        self.settings = settings

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
        """Mask of the one object, 0 or 1.

        Raises:
            PhotoError: nothing of the wanted categories is seen with enough confidence.
        """
        mask = select_mask(self.detect(_shrunk(rgb)), self.settings)
        whole = Image.fromarray(mask.astype(np.float32)).resize(rgb.shape[1::-1], Image.Resampling.BILINEAR)
        return (np.asarray(whole) > 0.5).astype(np.float32)

    @torch.inference_mode()
    def detect(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """Everything that the network sees."""
        device = next(self.network.parameters()).device
        image = torch.from_numpy(rgb.copy()).to(device).permute(2, 0, 1).float() / 255.0
        (found,) = self.network([image])
        labels = tuple(LABELS[label] for label in found["labels"].tolist())
        return Detections(labels, found["scores"].cpu().numpy(), found["masks"][:, 0].cpu().numpy())


def build_segmenter(settings: SegmenterSettings, device: torch.device | str = "cpu") -> Segment | None:
    """The configured segmenter; none where masks have to come with the photos.

    Raises:
        FileNotFoundError: the weights are nowhere to be had; the message says where to put them.
        ValueError: the weights are those of another network.
    """
    if settings.kind == "none":
        return None
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
    """Of all confident things of the wanted categories, the one that covers most pixels.

    Raises:
        PhotoError: there is none; the message says what is seen instead.
    """
    wanted = [
        index
        for index, (label, score) in enumerate(zip(detections.labels, detections.scores, strict=True))
        if label in settings.categories and score >= settings.score_threshold
    ]
    if not wanted:
        categories = ", ".join(settings.categories)
        raise PhotoError(
            f"the segmenter sees no {categories} with a score of at least {settings.score_threshold:.2f} "
            f"({_seen(detections)}); pass a mask, or change the categories or the threshold of the segmenter"
        )
    areas = (detections.masks[wanted] > 0.5).sum(axis=(1, 2))
    return detections.masks[wanted[int(areas.argmax())]]


def _seen(detections: Detections) -> str:
    things: Sequence[str] = [
        f"{label} {score:.2f}" for label, score in zip(detections.labels, detections.scores, strict=True)
    ]
    return f"it sees {', '.join(things[:5])}" if things else "it sees nothing"


def _shrunk(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "p q 3"]:
    factor = MAX_SIDE_PX / max(rgb.shape[:2])
    if factor >= 1.0:
        return rgb
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    return np.asarray(Image.fromarray(rgb).resize((width, height)))


def _file_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"segmenter.path: no Mask R-CNN weights at {path}; {WEIGHTS.url} are the ones expected")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise ValueError(f"{path}: {_EXPECTED}: {error}") from error


def _cached_weights() -> dict[str, Tensor]:
    """From torchvision's cache, which fetches what is not in it.

    Raises:
        FileNotFoundError: not there, and not to be fetched.
    """
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    name = WEIGHTS.url.rsplit("/", 1)[-1]
    if not (cache / name).is_file():
        log.info("fetching Mask R-CNN's weights (177 MB) from %s to %s", WEIGHTS.url, cache)
    try:
        return WEIGHTS.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise FileNotFoundError(
            f"segmenter: Mask R-CNN's weights are neither in {cache} nor to be fetched ({error}); put {name} from "
            f"{WEIGHTS.url} there, or name a file that holds them (segmenter.weights: file, segmenter.path; "
            "--segmenter-weights), or pass masks"
        ) from error
