"""Preview of a result: the photo and views of the mesh in one image."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import Float, UInt8
from PIL import Image

from shelfnet.data.glb import read_glb
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.prediction.photo_prediction import PhotoPrediction, View
from shelfnet.publishing import complete_file

CELL_PX = 256
TURNS_DEG = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
"""Azimuths relative to the predicted view."""
TURNED_ELEVATION_DEG = 20.0
"""Elevation of all views but the first, which is the predicted one."""

Render = Callable[[trimesh.Trimesh, Float[np.ndarray, "4 4"]], UInt8[np.ndarray, "h w 4"]]
"""Renders a mesh from an OpenCV camera."""


def save_preview(path: Path, predicted: PhotoPrediction, glb: Path, render: Render) -> None:
    """Write a PNG with the crop of the photo, the mesh in the predicted view, and a turntable.

    Args:
        path: Output path.
        predicted: Crop and predicted camera.
        glb: Saved mesh.
        render: Renderer of images of :data:`CELL_PX` pixels per side.
    """
    mesh = read_glb(glb)
    crop = Image.fromarray(predicted.crop).resize((CELL_PX, CELL_PX), Image.Resampling.BICUBIC)
    cells = [np.asarray(crop), *(render(mesh, camera) for camera in _cameras(predicted.view))]
    row = Image.fromarray(np.concatenate(cells, axis=1))
    sheet = Image.new("RGBA", row.size, "white")
    sheet.alpha_composite(row)
    with complete_file(path) as temporary:
        sheet.convert("RGB").save(temporary, "PNG")


def _cameras(view: View) -> list[Float[np.ndarray, "4 4"]]:
    azimuth_deg = view.azimuth_deg + torch.tensor(TURNS_DEG, dtype=torch.float64)
    elevation_deg = torch.full_like(azimuth_deg, TURNED_ELEVATION_DEG)
    elevation_deg[0] = view.elevation_deg
    return list(look_at_origin(azimuth_deg.deg2rad(), elevation_deg.deg2rad(), view.distance).numpy())
