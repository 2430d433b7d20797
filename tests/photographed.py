"""Shards and photos of discs, and a stand-in for a trained network, for tests of reconstruction."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from shelfnet.config.meshes import RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.shards.writer import write_shard
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import ShelfNet

RENDER = RenderSettings(resolution_px=32)
QUICK_REFINE = RefineSettings(
    iterations=12,
    learning_rate=6e-3,
    smoothing_length=0.12,
    resolution_px=24,
    sigma=1e-4,
    max_faces=200,
    texture="vertex",
    faces_per_pixel=12,
)
"""Refinement that fits a ball to a disc in little time."""
SPLITS = {"v0": "validation", "t0": "test", "t1": "test", "a0": "train"}
VIEWS = 3
AZIMUTH, ELEVATION = 0.5, 0.1
RADIUS = 0.3


def disc_png(radius_px: float, colour=(200, 40, 40)) -> bytes:
    """PNG of a centred disc on a transparent background."""
    size = RENDER.resolution_px
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    for row in range(size):
        for column in range(size):
            if math.hypot(row + 0.5 - size / 2, column + 0.5 - size / 2) < radius_px:
                image.putpixel((column, row), (*colour, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_views(path, radius_px=6.0, azimuth_deg=12.0):
    """Write a shard with images of every model in :data:`SPLITS`."""
    png = disc_png(radius_px)
    tags = {"category": None, "super_category": None, "style": None, "theme": None, "material": None}
    rows = [
        {
            "model_id": model_id,
            "split": split,
            "view": view,
            "image": {"bytes": png, "path": None},
            "caption": "a ball",
            **tags,
            "azimuth_deg": azimuth_deg,
            "elevation_deg": 1.0,
            "cam2world": [0.0] * 16,
            "fov_deg": 35.0,
            "engine": "none",
            "seed": 0,
        }
        for model_id, split in SPLITS.items()
        for view in range(VIEWS)
    ]
    write_shard(path, rows)
    return path


def write_photo(path, radius_px=30.0, background=255, alpha=True):
    """A red and blue disc on a wide image, with its mask as alpha or in a separate file."""
    y, x = np.mgrid[:90, :160]
    disc = np.hypot(x - 60.0, y - 40.0) < radius_px
    rgba = np.full((90, 160, 4), (*[background] * 3, 0), np.uint8)
    rgba[disc] = (200, 40, 40, 255)
    rgba[disc & (x > 60)] = (40, 40, 200, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba if alpha else rgba[..., :3]).save(path)
    if not alpha:
        Image.fromarray(np.uint8(255) * disc).save(path.with_name(f"{path.stem}_mask.png"))
    return path


@dataclass(frozen=True)
class BallField:
    radius: Tensor
    voxel_size: float = 1 / 32

    def occupancy(self, points: Tensor) -> Tensor:
        return torch.sigmoid(60.0 * (self.radius - points.norm(dim=-1)))

    def features(self, points: Tensor) -> Tensor:
        return points

    def accumulate_features(self, points: Tensor, weights: Tensor) -> Tensor:
        return (weights[..., None] * self.features(points)).sum(-2)

    def march(self, points: Tensor, weight_fn: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        weights = weight_fn(self.occupancy(points))
        return weights, self.accumulate_features(points, weights)


class BallNet(ShelfNet):
    """Predicts a ball in every image, from a constant view; its radius is the only parameter."""

    def __init__(self, radius: float = RADIUS) -> None:
        nn.Module.__init__(self)
        self.radius = nn.Parameter(torch.tensor(radius))

    def encode(self, images: Tensor) -> Encoding:
        batch = len(images)
        assert images.shape[1] == 3 and images.shape[2] == images.shape[3] >= RENDER.resolution_px
        assert float(images[:, :, 0, 0].min()) == 1.0
        angles = torch.full((batch, 1), AZIMUTH), torch.full((batch, 1), ELEVATION)
        return Encoding(torch.zeros(batch, 2), *angles, torch.zeros(batch, 1))

    def decode(self, latent: Tensor) -> BallField:
        return BallField(self.radius)

    def colour(self, features: Tensor) -> Tensor:
        return 0.5 + features
