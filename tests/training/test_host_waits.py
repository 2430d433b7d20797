"""Inside an iteration the host neither waits for a GPU nor copies to it: both forbid recording it as a graph.

No GPU is needed to see it. What waits or copies there is an operation of its own here, whatever the device.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from shelfnet.config.supervision import ClipTraining
from shelfnet.losses.clip import ClipLoss
from shelfnet.networks.clip import small_clip
from shelfnet.representations import voxels
from shelfnet.training.iteration import Iteration
from shelfnet.training.learner import build_learner

READS_A_VALUE = {"_local_scalar_dense", "equal", "is_nonzero"}
SIZE_DEPENDS_ON_VALUES = {"nonzero", "masked_select", "_unique2", "unique_consecutive", "unique_dim", "bincount"}
CONSTANT_OF_THE_HOST = {"lift_fresh", "lift_fresh_copy"}
TIES_TO_THE_HOST = READS_A_VALUE | SIZE_DEPENDS_ON_VALUES | CONSTANT_OF_THE_HOST


class HostTies(TorchDispatchMode):
    """Collects the operations that make the host wait for a device, or copy a constant to it."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an operation and look at it."""
        name = func.overloadpacket.__name__
        indices = [leaf for leaf in tree_leaves(args[1:]) if isinstance(leaf, torch.Tensor)]
        by_mask = name.startswith(("index", "_index")) and any(index.dtype == torch.bool for index in indices)
        repeats = name == "repeat_interleave" and func._overloadname == "Tensor"
        if name in TIES_TO_THE_HOST or by_mask or repeats:
            self.found.add(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: x[:, [0, 1]], {"lift_fresh"}),
        (lambda x: x * torch.tensor(2.0), {"lift_fresh"}),
        (lambda x: x[x > 0], {"index"}),
        (lambda x: x.max().item(), {"_local_scalar_dense"}),
        (lambda x: (x > 0).nonzero(), {"nonzero"}),
        (lambda x: torch.where(x > 0, x, 0.0) + x[:, 0:1], set()),
    ],
)
def test_what_ties_the_host_is_seen(call, expected):
    with HostTies() as ties:
        call(torch.arange(6.0).reshape(2, 3) - 2.0)
    assert ties.found == expected


ALL_PHASES = {
    "losses": {"r1_gamma": 1.0, "clip": 0.5, "distortion": 0.1, "pose_prior": 0.1},
    "train": {"r1_every": 1, "discriminator_every": 1, "content_views": 1, "ema_decay": 0.99},
    "model": {"discriminator": {"augment": True}},
}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_an_iteration_never_ties_the_host(tiny, store, representation, monkeypatch):
    monkeypatch.setattr(voxels.VoxelField, "accumulate_features", mixed_as_on_a_gpu)
    config = tiny({**ALL_PHASES, "model": {**ALL_PHASES["model"], "decoder": {"representation": representation}}})
    learner = build_learner(config, 0, torch.device("cpu"))
    clip = small_clip(ClipTraining(width=32, layers=1, embed_dim=16, image_px=16)).eval().requires_grad_(False)
    learner.clip = ClipLoss(clip, store.captions, ("white", "noise", "checker", "blurred_noise"))
    take_iteration = Iteration(learner)
    take_iteration(store.draw(2, learner.rng))  # what depends on sizes alone is made once and kept
    with HostTies() as ties:
        take_iteration(store.draw(2, learner.rng))
        learner.update_average()
    assert ties.found == set()


def mixed_as_on_a_gpu(field, points, weights):
    """The branch that a CUDA tensor takes."""
    return voxels.accumulate_by_matmul(field.feature_grid, points, weights)
