"""``shelfnet predict``: photos to GLB files, one after another, with what each took."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import radians
from pathlib import Path

import torch

from shelfnet.cli.checkpoints import named_checkpoint, newest_checkpoint
from shelfnet.cli.errors import UsageError
from shelfnet.cli.jobs import Job, plan_jobs
from shelfnet.cli.previews import CELL_PX, Render, save_preview
from shelfnet.cli.settings import mesh_settings, override_segmenter, prediction_settings
from shelfnet.cli.usage import peak_memory_text
from shelfnet.data.photographs.pixels import MissingMaskError, PhotoError
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.networks.segmenter import build_segmenter
from shelfnet.publishing import complete_file
from shelfnet.reconstruction.coloured_mesh import save_glb
from shelfnet.reconstruction.predictor import EmptyMeshError, Predictor
from shelfnet.training.checkpoint import load_model, read_description
from shelfnet.training.device import device_name, pick_device

RESULTS = Path("results")

MASK_ADVICE = "pass --mask, an image with the mask in its alpha channel, or --segmenter mask_rcnn"

REFUSALS = (PhotoError, UnusableImageError, EmptyMeshError, OSError)
"""What can be wrong with one photo, or with the place of its files, and does not concern the others."""


def predict(arguments: argparse.Namespace) -> int:
    """Turn the photos of a command line into meshes.

    Returns:
        0 where every photo has become a mesh, else 1.

    Raises:
        UsageError: nothing can be begun.
    """
    jobs = plan_jobs(arguments.photos, arguments.mask, arguments.output, arguments.preview)
    predictor = _load(arguments)
    with _renderer(predictor, arguments.preview) as render:
        tally = _Tally(len(jobs))
        for job in jobs:
            _attempt(job, predictor, render, tally)
    return tally.conclude()


@dataclass
class _Tally:
    """Progress, printed as it is made; results go to the standard output, refusals to that of errors."""

    photos: int
    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def done(self, job: Job, seconds: float, n_faces: int, mask_iou: float) -> None:
        self.seconds.append(seconds)
        what = f"{n_faces} faces, mask IoU {mask_iou:.2f}, {seconds:.2f} s, {peak_memory_text()}"
        print(f"{self._progress()} {job.photo} -> {job.mesh}: {what}", flush=True)

    def refuse(self, job: Job, error: Exception) -> None:
        self.refused += 1
        reason = str(error).removeprefix(f"{job.photo}: ")
        if isinstance(error, MissingMaskError):
            reason += f"; {MASK_ADVICE}"
        print(f"{self._progress()} {job.photo}: refused: {reason}", file=sys.stderr, flush=True)

    def conclude(self) -> int:
        total = sum(self.seconds)
        each = f" ({total / len(self.seconds):.2f} s each)" if self.seconds else ""
        counts = f"{self.photos} photo(s): {len(self.seconds)} mesh(es), {self.refused} refused"
        print(f"{counts}; {total:.2f} s{each}; {peak_memory_text()}", flush=True)
        return 1 if self.refused else 0

    def _progress(self) -> str:
        return f"[{len(self.seconds) + self.refused}/{self.photos}]"


def _attempt(job: Job, predictor: Predictor, render: Render | None, tally: _Tally) -> None:
    started = time.perf_counter()
    try:
        predicted = predictor(job.photo, job.mask)
        surface = predicted.reconstruction.surface
        with complete_file(job.mesh) as temporary:
            save_glb(temporary, surface)
        seconds = time.perf_counter() - started
        if render is not None and job.preview is not None:
            save_preview(job.preview, predicted, job.mesh, render, predictor.render.camera_distance)
    except REFUSALS as error:
        return tally.refuse(job, error)
    return tally.done(job, seconds, len(surface.mesh.faces), predicted.reconstruction.mask_iou)


def _load(arguments: argparse.Namespace) -> Predictor:
    started = time.perf_counter()
    folder = named_checkpoint(arguments.checkpoint) if arguments.checkpoint else newest_checkpoint(RESULTS)
    device = _device(arguments.device)
    try:
        description = read_description(folder)
        settings = prediction_settings(arguments.config or [], description.ablation)
        images = settings.dataset.images
        reconstruct, refine = mesh_settings(settings, refined=arguments.refine, texture=arguments.texture)
        predictor = Predictor(
            model=load_model(folder, device),
            render=description.render,
            object_share=description.object_share or images.object_share,
            images=images,
            reconstruct=reconstruct,
            refine=refine,
            segment=build_segmenter(override_segmenter(images.segmenter, _segmenter_overrides(arguments)), device),
        )
    # A checkpoint or weights of another network, or weights that are nowhere to be had.
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    model = f"{folder} ({description.ablation}, {description.iterations} iterations) on {device_name(device)}"
    print(f"model {model}, ready in {time.perf_counter() - started:.1f} s", flush=True)
    return predictor


def _device(wanted: str) -> torch.device:
    try:
        return pick_device(wanted)
    except RuntimeError as error:
        raise UsageError(f"--{error}") from error


def _segmenter_overrides(arguments: argparse.Namespace) -> dict[str, object]:
    weights: Path | None = arguments.segmenter_weights
    return {
        "kind": arguments.segmenter,
        "weights": weights and "file",
        "path": weights and str(weights),
        "categories": arguments.segmenter_category,
    }


@contextmanager
def _renderer(predictor: Predictor, preview: Path | None) -> Iterator[Render | None]:
    """Draws meshes where images are asked for; only then is OpenGL needed."""
    if preview is None:
        yield None
        return
    try:
        from shelfnet.preview.previewer import Previewer
    except ImportError as error:
        raise UsageError(f"--preview needs pyrender and OpenGL; install shelfnet[report] ({error})") from error
    with Previewer(CELL_PX, radians(predictor.render.fov_deg)) as previewer:
        yield previewer.render
