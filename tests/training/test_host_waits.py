"""An iteration never synchronises the host with the device and never copies a constant to it.

Either would prevent capture as a CUDA graph. No GPU is needed: such operations are dispatched on every device.
"""

import pytest
import torch
from tiny_training import build_run, untrained_clip_loss
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from shelfnet.representations import voxels
from shelfnet.training.loop import Iteration

READS_A_VALUE = {"_local_scalar_dense", "equal", "is_nonzero"}
SIZE_DEPENDS_ON_VALUES = {"nonzero", "masked_select", "_unique2", "unique_consecutive", "unique_dim", "bincount"}
CONSTANT_OF_THE_HOST = {"lift_fresh", "lift_fresh_copy"}
TIES_TO_THE_HOST = READS_A_VALUE | SIZE_DEPENDS_ON_VALUES | CONSTANT_OF_THE_HOST


class HostTies(TorchDispatchMode):
    """Collects operations that synchronise the host with the device or copy a constant to it."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an operation and check it."""
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
def test_host_ties_are_detected(call, expected):
    with HostTies() as ties:
        call(torch.arange(6.0).reshape(2, 3) - 2.0)
    assert ties.found == expected


ALL_PHASES = {
    "losses": {"r1_gamma": 1.0, "clip": 0.5, "distortion": 0.1, "pose_prior": 0.1},
    "train": {"r1_every": 1, "discriminator_every": 1, "content_views": 1, "ema_decay": 0.99},
    "model": {"discriminator": {"augment": True}},
}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_iteration_has_no_host_ties(tiny, store, representation, monkeypatch):
    monkeypatch.setattr(voxels.VoxelField, "accumulate_features", accumulate_on_cuda)
    settings = tiny({**ALL_PHASES, "model": {**ALL_PHASES["model"], "decoder": {"representation": representation}}})
    clip = untrained_clip_loss(store.captions, ("white", "noise", "checker", "blurred_noise"))
    state, context = build_run(settings, clip=clip)
    run_iteration = Iteration(state, context)
    run_iteration(store.draw(2, state.rng))  # fills caches that depend on sizes alone
    with HostTies() as ties:
        run_iteration(store.draw(2, state.rng))
        state.update_average(settings.train.ema_decay)
    assert ties.found == set()


def accumulate_on_cuda(field, points, weights):
    """The branch of CUDA tensors."""
    return voxels.accumulate_by_matmul(field.feature_grid, points, weights)
