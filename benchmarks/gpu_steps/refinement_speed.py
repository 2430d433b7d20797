"""Refinement steps a second for a batch of eight meshes."""

import statistics

from measuring import peak_mib
from refine import steps_a_second

from gpu_steps.task import Recorder, Task
from shelfnet.config.meshes import RefineSettings
from shelfnet.devices import pick_device

BATCH = 8


def run(task: Task, recorder: Recorder) -> None:
    """Measure meshes of the embedded default, then those of the paper preset."""
    device = pick_device(task.device)
    for faces, repeats in ((1000, 5), (5000, 3)) if not task.rehearse else ((80, 1),):
        settings = RefineSettings(
            iterations=2 if task.rehearse else 40, smoothing_length=0.07, resolution_px=16 if task.rehearse else 64
        )
        rates = steps_a_second(BATCH, faces, settings, device, repeats)
        recorder.append(
            "rows",
            {
                "meshes": BATCH,
                "faces": faces,
                "pixels": settings.resolution_px,
                "steps_per_s": statistics.median(rates),
                "slowest": min(rates),
                "fastest": max(rates),
                "peak_mib": peak_mib(device),
            },
        )
