"""Preview of a result: the photo and views of the mesh as a grid in one image."""

from pathlib import Path

from PIL import Image

from shelfnet.prediction.photo_prediction import PhotoPrediction
from shelfnet.prediction.rendering import MeshRenderer
from shelfnet.prediction.turntable import ELEVATION_DEG, on_white
from shelfnet.publishing import complete_file

CELL_PX = 256
COLUMNS = 4
TURNS_DEG = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
"""Azimuths relative to the predicted view, seen from slightly above."""


def save_preview(path: Path, predicted: PhotoPrediction) -> None:
    """Write a PNG with the crop of the photo, the mesh in the predicted view, and the mesh from all sides.

    Args:
        path: Output path.
        predicted: Crop, mesh and predicted camera.
    """
    view = predicted.view
    render = MeshRenderer(predicted.mesh, view.fov_deg, view.distance, CELL_PX)
    crop = Image.fromarray(predicted.crop).resize((CELL_PX, CELL_PX), Image.Resampling.BICUBIC)
    images = [crop, Image.fromarray(render(view.azimuth_deg, view.elevation_deg))]
    images += [Image.fromarray(render(view.azimuth_deg + turn, ELEVATION_DEG)) for turn in TURNS_DEG]
    rows = -(-len(images) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL_PX, rows * CELL_PX), "white")
    for index, image in enumerate(images):
        sheet.paste(on_white(image), (index % COLUMNS * CELL_PX, index // COLUMNS * CELL_PX))
    with complete_file(path) as temporary:
        sheet.save(temporary, "PNG")
