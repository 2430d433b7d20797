"""A trained network as a model of MLflow: photo in, mesh out. MLflow runs this file when it loads the model."""

import io
import tempfile
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import set_model
from PIL import Image


class MeshModel(mlflow.pyfunc.PythonModel):  # pyright: ignore[reportPrivateImportUsage]
    """Predicts the mesh of each photo."""

    def load_context(self, context: Any) -> None:
        """Load the checkpoint, whose two files are in one folder."""
        from shelfnet.prediction.predictor import Predictor  # not while the model is logged, without the need of it

        self.predictor = Predictor.from_pretrained(Path(context.artifacts["weights"]).parent)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict meshes.

        Args:
            context: Unused.
            model_input: Column ``photo``: the bytes of an image file.
            params: Unused.

        Returns:
            Column ``mesh``: the bytes of a GLB file.
        """
        return pd.DataFrame({"mesh": [self._glb(photo) for photo in model_input["photo"]]})

    def _glb(self, photo: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder, Image.open(io.BytesIO(photo)) as image:
            return self.predictor(image).export(Path(folder, "mesh.glb")).read_bytes()


set_model(MeshModel())
