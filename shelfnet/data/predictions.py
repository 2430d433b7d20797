"""``predictions.parquet``: one row per predicted mesh."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from shelfnet.data.tables import read_table, schema_of, write_table

PREDICTIONS = "predictions.parquet"
"""File name of the table in a folder of meshes."""


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


SCHEMA = schema_of(Prediction)
"""Columns of :data:`PREDICTIONS`."""


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
