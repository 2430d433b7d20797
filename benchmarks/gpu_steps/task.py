"""What a step is given, and where it puts its results."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SMALL_SETTINGS = Path(__file__).parents[1] / "gpu_small.yaml"
"""Overlay of the rehearsal: every network of the paper at sizes that a CPU runs in milliseconds."""


SHARD, SURFACES = "shard.parquet", "surfaces.parquet"
"""Names of the files of prepared data: images, and true surfaces of the validation split."""


@dataclass(frozen=True)
class Task:
    """One step.

    Attributes:
        step: Module of the step in ``gpu_steps``.
        subject: Ablation that the step is about, for steps that are run once per ablation.
        rehearse: Whether sizes are small and the device is the CPU.
        data: Folder that ``benchmarks/gpu_data.py`` wrote, if there is one.
        output: Folder for files that are kept.
        scratch: Folder for all other files; steps share it.
        results: JSON file for the results of this step.
        report: JSON file with the results of the steps before.
        seconds: Time until this process is ended.
    """

    step: str
    subject: str | None
    rehearse: bool
    data: Path | None
    output: Path
    scratch: Path
    results: Path
    report: Path
    seconds: float

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return "cpu" if self.rehearse else "cuda"

    @property
    def paper_sizes(self) -> tuple[Path | str, ...]:
        """Overlays for the networks of the paper."""
        paper = "workflow/presets/paper.yaml"
        return (paper, SMALL_SETTINGS) if self.rehearse else (paper,)

    def earlier(self, step: str, subject: str | None = None) -> dict[str, Any]:
        """Results of an earlier step; empty if it has none."""
        steps = json.loads(self.report.read_text())["steps"]
        found = [each["results"] for each in steps if (each["step"], each["subject"]) == (step, subject)]
        return found[-1] if found else {}


@dataclass
class Recorder:
    """Results of a step, on the disk after every addition, so that a step that is ended keeps what it has.

    Attributes:
        path: JSON file.
        seconds: Time until the process is ended.
        values: Results so far.
    """

    path: Path
    seconds: float
    values: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        """Time until the process is ended."""
        return self.seconds - (time.monotonic() - self.began)

    def put(self, **values: Any) -> None:
        """Add or replace values by name."""
        self.values.update(values)
        self._write()

    def append(self, name: str, value: Any) -> None:
        """Append to a list."""
        self.values.setdefault(name, []).append(value)
        self._write()

    def check(self, name: str, compare: Callable[[], dict[str, Any]]) -> None:
        """Append the outcome of a comparison to ``checks``; an exception is a failed check.

        Args:
            name: What is checked.
            compare: Returns at least ``passed``.
        """
        began = time.perf_counter()
        try:
            outcome = compare()
        except Exception as error:  # one failed check must not cost the others
            logging.exception("%s", name)
            outcome = {"passed": False, "error": f"{type(error).__name__}: {error}"[:500]}
        self.append("checks", {"name": name, **outcome, "seconds": round(time.perf_counter() - began, 2)})

    def _write(self) -> None:
        temporary = self.path.with_suffix(".partial")
        temporary.write_text(json.dumps(self.values, default=float))
        temporary.replace(self.path)
