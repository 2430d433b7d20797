"""Prints which functions of the networks ``torch.compile`` does not take whole.

A program of its own, since the runtime type checks of the tests prevent compilation.

python tests/compiled_frames.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch._dynamo.utils import counters

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from tiny_training import CPU, build_run, tiny_settings  # noqa: E402

from shelfnet.config.load import merge  # noqa: E402
from shelfnet.data.shards.reader import TrainingViews  # noqa: E402
from shelfnet.training.acceleration import compilation  # noqa: E402
from shelfnet.training.batches import ImageStore  # noqa: E402
from shelfnet.training.loop import Iteration  # noqa: E402
from shelfnet.training.schedules import render_px  # noqa: E402

TWO_SIZES = {
    "train": {"compile": "networks", "coarse_iterations": 1, "coarse_px": 8, "r1_every": 1, "discriminator_every": 1},
    "losses": {"r1_gamma": 1.0},
}


def compilation_faults(representation: str) -> dict:
    """Number of functions that were not compiled, and reasons of graph breaks, in one iteration at each render size."""
    torch._dynamo.reset()
    counters.clear()
    settings = tiny_settings(merge(TWO_SIZES, {"model": {"decoder": {"representation": representation}}}))
    state, context = build_run(settings)
    images = np.full((4, 32, 32, 4), 128, dtype=np.uint8)
    store = ImageStore(TrainingViews(images=images, captions=("A Chair",) * 4), 16, CPU)
    run_iteration = Iteration(state, context)
    for _ in range(2):
        run_iteration(store.draw(2, state.rng, render_px(settings.train, 16, state.iteration)))
        state.iteration += 1
    frames = counters["frames"]
    return {"uncompiled": frames["total"] - frames["ok"], "breaks": dict(counters["graph_break"])}


def main() -> None:
    """Trace every representation; Python runs the traced graphs, so that no compiler is needed.

    Networks that representations share, such as the encoder, are traced once.
    """
    compile_module, traced = torch.nn.Module.compile, set()

    def trace(network: torch.nn.Module, **options) -> None:
        if str(network) not in traced:
            compile_module(network, **options, backend="eager")
        traced.add(str(network))

    torch.nn.Module.compile = trace
    compilation.missing_tool = lambda device: None
    print(json.dumps({kind: compilation_faults(kind) for kind in ("voxel", "triplane", "se3")}))


if __name__ == "__main__":
    main()
