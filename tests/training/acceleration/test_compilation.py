import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_training import CPU, build_run

from shelfnet.training.acceleration import compilation
from shelfnet.training.acceleration.compilation import compile_networks, missing_tool, networks_to_compile

ROOT = Path(__file__).parents[3]


def networks_of(run):
    state, context = run
    return list(networks_to_compile(state.model, state.discriminator, context.perceptual, context.clip))


def test_networks_stay_eager_without_a_compiler(tiny, monkeypatch, caplog):
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    networks = networks_of(build_run(tiny({"train": {"compile": "networks"}})))
    assert not compile_networks(networks, CPU)
    assert "a compiler (g++ or clang++)" in caplog.text
    assert all(network._compiled_call_impl is None for network in networks)


def test_triton_is_required_on_cuda_alone(monkeypatch):
    monkeypatch.setattr(compilation.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(compilation.importlib.util, "find_spec", lambda name: None)
    assert "triton" in missing_tool(torch.device("cuda"))
    assert missing_tool(CPU) is None


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_every_convolution_is_compiled(tiny, representation):
    run = build_run(tiny({"model": {"decoder": {"representation": representation}}}))
    compiled = {id(weight) for network in networks_of(run) for weight in network.parameters()}
    networks = (run.state.model, run.state.discriminator, run.context.perceptual)
    named = [pair for network in networks for pair in network.named_parameters()]
    eager = {name for name, weight in named if weight.ndim > 2 and id(weight) not in compiled}
    assert eager <= {"decoder.constant", "decoder.to_planes.weight"}


@pytest.mark.slow
def test_compiled_networks_have_no_graph_breaks_at_either_render_size():
    """Without this, networks that torch cannot compile would silently run eagerly."""
    program = [sys.executable, str(ROOT / "tests" / "compiled_frames.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: {"uncompiled": 0, "breaks": {}} for name in ("voxel", "triplane", "se3")}
