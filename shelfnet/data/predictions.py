"""``predictions.parquet``: one row a predicted mesh."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.data.tables import typed

PREDICTIONS = "predictions.parquet"
"""Name of the file in a folder of meshes."""

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
    """What a stage says of one view.

    Attributes:
        model_id: the true model's id.
        split: ``validation`` or ``test``.
        view: number of the view of that model.
        stage: ``coarse`` or ``refined``.
        status: ``ok`` or ``empty``.
        mesh: file name in the folder; none for an empty mesh.
        azimuth_deg: predicted view.
        elevation_deg: predicted view.
        n_vertices: of the mesh.
        n_faces: of the mesh.
        mask_iou: of the mesh's silhouette from the predicted view against the input mask.
        seconds: wall time this stage spent on the view.
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
    """Write :data:`PREDICTIONS` in ``folder``; no rows make a table without rows."""
    table = pa.Table.from_pylist([asdict(prediction) for prediction in predictions], schema=SCHEMA)
    pq.write_table(table, folder / PREDICTIONS)


def read_predictions(folder: Path) -> list[Prediction]:
    """Rows of :data:`PREDICTIONS` in ``folder``, in their order.

    Raises:
        PredictionsError: missing, damaged, or of other columns.
    """
    path = folder / PREDICTIONS
    try:
        table = typed(pq.read_table(path), SCHEMA, SCHEMA.names, nullable=("mesh",))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise PredictionsError(f"{path}: expected a Parquet file of predictions: {error}") from error
    return [Prediction(**row) for row in table.to_pylist()]
