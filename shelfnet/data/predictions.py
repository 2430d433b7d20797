"""``predictions.parquet``: one row per predicted mesh."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from shelfnet.data.tables import read_table, write_table

PREDICTIONS = "predictions.parquet"
"""File name of the table in a folder of meshes."""

SCHEMA = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("view", pa.int64(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("mesh", pa.string()),
        pa.field("azimuth_deg", pa.float64(), nullable=False),
        pa.field("elevation_deg", pa.float64(), nullable=False),
        pa.field("n_vertices", pa.int64(), nullable=False),
        pa.field("n_faces", pa.int64(), nullable=False),
        pa.field("mask_iou", pa.float64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)


class PredictionsError(ValueError):
    """A predictions file cannot be used; the message names it."""


@dataclass(frozen=True)
class Prediction:
    """Mesh and camera predicted from one view.

    Attributes:
        model_id: Id of the true model.
        split: ``validation`` or ``test``.
        view: Index of the view of that model.
        stage: ``coarse`` or ``refined``.
        status: ``ok`` or ``empty``.
        mesh: File name in the folder; ``None`` for an empty mesh.
        azimuth_deg: Predicted azimuth.
        elevation_deg: Predicted elevation.
        n_vertices: Number of vertices.
        n_faces: Number of faces.
        mask_iou: IoU of the mesh's silhouette from the predicted view with the input mask.
        seconds: Wall time of this stage.
    """

    model_id: str
    split: str
    view: int
    stage: str
    status: str
    mesh: str | None
    azimuth_deg: float
    elevation_deg: float
    n_vertices: int
    n_faces: int
    mask_iou: float
    seconds: float


def mesh_name(model_id: str, view: int) -> str:
    """File name of the mesh predicted from one view."""
    return f"{model_id}_{view:03d}.glb"


def write_predictions(folder: Path, predictions: Sequence[Prediction]) -> None:
    """Write :data:`PREDICTIONS` into a folder; the table may be empty."""
    write_table(folder / PREDICTIONS, map(asdict, predictions), SCHEMA)


def read_predictions(folder: Path) -> list[Prediction]:
    """Rows of :data:`PREDICTIONS` in a folder, in their order.

    Raises:
        PredictionsError: The file is missing, damaged, or has other columns.
    """
    try:
        rows = read_table(folder / PREDICTIONS, SCHEMA, nullable=("mesh",))
    except ValueError as error:
        raise PredictionsError(str(error)) from error
    return [Prediction(**row) for row in rows]
