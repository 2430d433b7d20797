"""Synthetic photographs: shaded boxes from random views, off centre on coloured backgrounds, with masks."""

from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from shelfnet.geometry.cameras import look_at_origin, project

FOV, DISTANCE = 0.6, 2.6
LIGHT = np.array([0.4, 0.8, 0.45])


def photograph(generator: np.random.Generator, size_px: int = 96) -> UInt8[np.ndarray, "h w 4"]:
    """A box of random size and colour over a plain background; alpha is the mask."""
    box = trimesh.creation.box(generator.uniform(0.4, 1.0, 3))
    camera = look_at_origin(
        torch.tensor([generator.uniform(-3.0, 3.0)]), torch.tensor([generator.uniform(0.0, 0.5)]), DISTANCE
    )
    points, _ = project(torch.from_numpy(np.array(box.vertices)).float()[None], camera, FOV, size_px)
    corners = points[0].numpy() + generator.uniform(-8.0, 8.0, 2)
    towards = box.face_normals @ camera[0, :3, 3].numpy()
    colour, background = generator.uniform(60, 255, 3), generator.integers(0, 256, 3)
    image = Image.new("RGB", (size_px, size_px), tuple(background.tolist()))
    mask = Image.new("L", (size_px, size_px), 0)
    for face in np.argsort(towards)[len(towards) // 2 :]:
        shade = 0.4 + 0.6 * abs(float(box.face_normals[face] @ LIGHT))
        outline = [tuple(corners[vertex].tolist()) for vertex in box.faces[face]]
        ImageDraw.Draw(image).polygon(outline, fill=tuple((colour * shade).clip(0, 255).astype(int).tolist()))
        ImageDraw.Draw(mask).polygon(outline, fill=255)
    return np.dstack([np.asarray(image), np.asarray(mask)])


def write_photographs(folder: Path, count: int, seed: int = 0, size_px: int = 96) -> None:
    """Write photographs, alternately PNG with alpha and JPEG with a mask file."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rgba = photograph(generator, size_px)
        if number % 2:
            Image.fromarray(rgba[..., :3]).save(folder / f"box{number:03d}.jpg")
            Image.fromarray(rgba[..., 3]).save(folder / f"box{number:03d}_mask.png")
        else:
            Image.fromarray(rgba).save(folder / f"box{number:03d}.png")
