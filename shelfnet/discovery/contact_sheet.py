"""Picture of a discovery: each shape from four sides, next to training images of that shape."""

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.data.images import save_png
from shelfnet.discovery.expectation_maximisation import Discovery
from shelfnet.discovery.image_pyramid import ImagePyramid
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.renderer.volume import render_features
from shelfnet.representations.voxels import VoxelField

AZIMUTHS_DEG = (0.0, 90.0, 180.0, 270.0)
ELEVATION_DEG = 15.0
SHAPE_PX = 64
SHAPE_SAMPLES = 64
IMAGES_PER_SHAPE = 4
GAP_PX = 8
MAX_SHAPES = 64
"""Largest number of shapes in the picture, the most frequent ones."""


def save_contact_sheet(
    path: Path, discoveries: list[Discovery], pyramids: list[ImagePyramid], fov: float, distance: float
) -> None:
    """Write a PNG with one row per shape, most frequent first.

    A row shows the shape from azimuths 0°, 90°, 180° and 270° of the canonical frame, then some of its images, each
    followed by the shape rendered at the image's view.

    Args:
        path: PNG file; its folder is created if needed.
        discoveries: One per super-category.
        pyramids: The images of each.
        fov: Field of view in radians.
        distance: Distance of the cameras in object units.
    """
    shapes = [
        (discovery, images, shape, torch.nonzero(discovery.shapes.argmax(dim=1) == shape).flatten())
        for discovery, images in zip(discoveries, pyramids, strict=True)
        for shape in range(len(discovery.logits))
    ]
    used = sorted((row for row in shapes if len(row[3])), key=lambda row: -len(row[3]))
    save_png(path, torch.cat([_row(*row, fov, distance) for row in used[:MAX_SHAPES]]).cpu().numpy())


def _row(
    discovery: Discovery, images: ImagePyramid, shape: int, members: Tensor, fov: float, distance: float
) -> Float[Tensor, "h w 3"]:
    shown = members[torch.linspace(0, len(members) - 1, min(IMAGES_PER_SHAPE, len(members))).long()]
    views = discovery.best[shown] % discovery.grid.size
    around = torch.deg2rad(torch.tensor(AZIMUTHS_DEG, device=views.device))
    azimuth = torch.cat([around, discovery.grid.azimuth[views]])
    level = torch.full_like(around, math.radians(ELEVATION_DEG))
    elevation = torch.cat([level, discovery.grid.elevation[views]])
    field = VoxelField(torch.sigmoid(discovery.logits[shape : shape + 1]), discovery.colours[shape : shape + 1])
    cameras = look_at_origin(azimuth, elevation, distance)
    rendered = render_features(field, cameras, fov, SHAPE_PX, SHAPE_SAMPLES, views_per_object=len(azimuth))
    mask = rendered.mask.clamp(0.0, 1.0)[..., None]
    renders = 1.0 - mask * (1.0 - rendered.features)
    largest = max(images.levels)
    photos = images.take(shown, largest)[:, :3]
    photos = torch.nn.functional.interpolate(photos, (SHAPE_PX, SHAPE_PX), mode="nearest").permute(0, 2, 3, 1)
    cells = list(renders[: len(around)])
    blank = torch.ones(SHAPE_PX, GAP_PX, 3, device=views.device)
    for number in range(IMAGES_PER_SHAPE):
        cells.append(blank)
        if number < len(shown):
            cells += [photos[number], renders[len(around) + number]]
        else:
            cells += 2 * [torch.ones_like(renders[0])]
    return torch.cat(cells, dim=1)
