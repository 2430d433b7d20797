"""Progress of ``shelfnet predict``: one line per photo and a summary, with times and peak memory."""

import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from shelfnet.cli.outputs import PhotoOutputs
from shelfnet.data.photographs.reader import MissingMaskError
from shelfnet.data.shown_names import printable
from shelfnet.prediction.photo_prediction import PhotoPrediction

MASK_ADVICE = (
    "pass --mask, an image with the mask in its alpha channel, a photo on a plain background, or --segmenter mask_rcnn"
)

CLEAR_LINE = "\r\x1b[K"
"""Control characters that erase the line of the cursor on a terminal."""


@dataclass
class Progress:
    """Prints results to standard output and failures to standard error."""

    photos: int
    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    current: Path | None = None

    def start(self, outputs: PhotoOutputs) -> None:
        """Remember the photo that :meth:`step` is about."""
        self.current = outputs.photo

    def step(self, done: int, total: int) -> None:
        """Show the steps of a refinement in one line that is overwritten, on a terminal alone."""
        if sys.stderr.isatty():
            number = len(self.seconds) + self.failures + 1
            text = printable(f"[{number}/{self.photos}] {self.current}: refining, step {done} of {total}")
            print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)

    def done(self, outputs: PhotoOutputs, predicted: PhotoPrediction) -> None:
        """Report a mesh."""
        self._clear()
        self.seconds.append(predicted.seconds)
        mask = f"mask from {predicted.mask_source}, mask IoU {predicted.mask_iou:.2f}"
        quality = f"{len(predicted.mesh.faces)} faces, {mask}"
        measured = f"{quality}, {predicted.seconds:.2f} s, {peak_memory_text()}"
        print(printable(f"{self._counter()} {outputs.photo} -> {outputs.mesh}: {measured}"), flush=True)

    def fail(self, outputs: PhotoOutputs, error: Exception) -> None:
        """Report a photo that was skipped."""
        self._clear()
        self.failures += 1
        reason = " ".join(str(error).removeprefix(f"{outputs.photo}: ").split())
        if isinstance(error, MissingMaskError):
            reason += f"; {MASK_ADVICE}"
        line = printable(f"{self._counter()} {outputs.photo}: skipped: {reason}")
        print(line, file=sys.stderr, flush=True)

    def summarise(self) -> None:
        """Report totals."""
        total = sum(self.seconds)
        each = f" ({total / len(self.seconds):.2f} s each)" if self.seconds else ""
        counts = f"{self.photos} photo(s): {len(self.seconds)} mesh(es), {self.failures} skipped"
        print(f"{counts}; {total:.2f} s{each}; {peak_memory_text()}", flush=True)

    def _clear(self) -> None:
        """Remove the line of :meth:`step`."""
        if sys.stderr.isatty():
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)

    def _counter(self) -> str:
        return f"[{len(self.seconds) + self.failures}/{self.photos}]"


def peak_memory_mb() -> float:
    """Peak resident memory of this process in 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0) / 1e6


def peak_memory_text() -> str:
    """Peak memory of the process and, if one is used, of the GPU."""
    text = f"peak memory {peak_memory_mb():.0f} MB"
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        text += f", GPU {torch.cuda.max_memory_allocated() / 1e6:.0f} MB"
    return text
