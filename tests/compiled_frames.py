"""Which functions of the networks torch's compiler takes whole; a program, since runtime type checks are in its way.

python tests/compiled_frames.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch._dynamo.utils import counters

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from training.conftest import TINY  # noqa: E402

from shelfnet.config.load import merge, validate  # noqa: E402
from shelfnet.config.stage_inputs import train_inputs  # noqa: E402
from shelfnet.data.shards.reader import TrainingViews  # noqa: E402
from shelfnet.training import compiled  # noqa: E402
from shelfnet.training.batches import ImageStore  # noqa: E402
from shelfnet.training.iteration import Iteration  # noqa: E402
from shelfnet.training.learner import build_learner  # noqa: E402

CPU = torch.device("cpu")
TWO_SIZES = {
    "train": {"compile": "networks", "coarse_iterations": 1, "coarse_px": 8, "r1_every": 1, "discriminator_every": 1},
    "losses": {"r1_gamma": 1.0},
}


def what_falls_out(representation: str) -> dict:
    """Number of functions that were not compiled, and why graphs were broken, in an iteration at each size."""
    torch._dynamo.reset()
    counters.clear()
    decoder = {"model": {"decoder": {"representation": representation}}}
    learner = build_learner(train_inputs(validate(merge(merge(TINY, TWO_SIZES), decoder))), 0, CPU)
    images = np.full((4, 32, 32, 4), 128, dtype=np.uint8)
    store = ImageStore(TrainingViews(images=images, captions=("A Chair",) * 4), 16, CPU)
    take_iteration = Iteration(learner)
    for _ in range(2):
        take_iteration(store.draw(2, learner.rng, learner.render_px()))
        learner.iteration += 1
    frames = counters["frames"]
    return {"uncompiled": frames["total"] - frames["ok"], "breaks": dict(counters["graph_break"])}


def main() -> None:
    """Each representation; traced, but handed on to Python in the place of a compiler."""
    whole_compile = torch.nn.Module.compile
    torch.nn.Module.compile = lambda network, **options: whole_compile(network, **options, backend="eager")
    compiled.missing_tool = lambda device: None
    print(json.dumps({kind: what_falls_out(kind) for kind in ("voxel", "triplane", "se3")}))


if __name__ == "__main__":
    main()
