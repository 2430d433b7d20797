"""The local journal: one append-only JSON-lines file per job, which is copied to MLflow.

Every line is one event of one MLflow run: ``{"run", "event", "time", ...}`` with ``event`` one of ``params``, ``tags``,
``metrics``, ``artifact``, ``dataset``, ``image``, ``model``, ``table``. Writing it needs nothing but the standard
library, and never waits for a server. The status of the job is in a file beside it (``job_status.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsFloat


class Journal:
    """Events of one job, all for one MLflow run.

    Args:
        path: The JSON-lines file; it is emptied when the job starts again, unless ``append``.
        run: Name of the MLflow run: ``<ablation>/seed<n>`` for ablations, else the stage (``data``, ``clip``,
            ``comparison``).
        append: Whether events of an earlier, interrupted attempt are kept.
    """

    def __init__(self, path: Path, run: str, *, append: bool = False) -> None:
        self.path = path
        self.run = run
        path.parent.mkdir(parents=True, exist_ok=True)
        if not append:
            path.write_text("")

    def params(self, values: Mapping[str, Any]) -> None:
        """Parameters of the run; nested mappings are flattened with dots."""
        self._write("params", values=_flatten(values))

    def tags(self, values: Mapping[str, str]) -> None:
        """Tags of the run: code version, data set digest, device."""
        self._write("tags", values=dict(values))

    def metrics(self, step: int, values: Mapping[str, SupportsFloat]) -> None:
        """Numbers at a step (iteration, or 0 where there is none)."""
        self._write("metrics", step=step, values={name: float(value) for name, value in values.items()})

    def artifact(self, path: Path, folder: str = "") -> None:
        """A published file or folder to be copied below ``folder`` of the run's artifacts."""
        self._write("artifact", path=str(path), folder=folder)

    def image(self, step: int, name: str, path: Path) -> None:
        """A published image of a step; compared runs show images of the same name side by side."""
        self._write("image", step=step, name=name, path=str(path))

    def model(self, weights: Path, description: Path) -> None:
        """The two files of a published checkpoint, to be logged and registered as a model of MLflow."""
        self._write("model", path=str(weights), description=str(description))

    def dataset(self, path: Path, name: str, digest: str) -> None:
        """The data that the run reads, with the digest of its content."""
        self._write("dataset", path=str(path), name=name, digest=digest)

    def table(self, path: Path, key: Sequence[str], headline: str) -> None:
        """A published CSV, to be shown as a table where runs are compared.

        Args:
            path: The CSV.
            key: Columns that name a row; rows of different runs with the same name are compared.
            headline: Column that is compared first.
        """
        self._write("table", path=str(path), key=list(key), headline=headline)

    def _write(self, event: str, **fields: Any) -> None:
        line = json.dumps({"run": self.run, "event": event, "time": time.time(), **fields})
        with self.path.open("a") as stream:
            stream.write(line + "\n")


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat
