"""The fast path is the reference path: same losses and gradients of a step, same ends of a run."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shelfnet.training import compiled
from shelfnet.training.compiled import compile_networks, compiled_networks, missing_tool
from shelfnet.training.device import pick_device, to_channels_last
from shelfnet.training.iteration import Iteration, StaticInputs
from shelfnet.training.learner import build_learner
from shelfnet.training.loop import NO_HOOKS, iterate
from shelfnet.training.phases import discriminator_phase, generator_phase
from shelfnet.training.sight import look

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def one_step(learner, store):
    """Losses, and gradients of both networks as one vector each."""
    forward, terms = generator_phase(learner, store.draw(2, learner.rng))
    terms = terms | discriminator_phase(learner, forward)
    return (
        {name: float(value) for name, value in terms.items()},
        gradients(learner.model),
        gradients(learner.discriminator),
    )


def gradients(network):
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def distance(first, second):
    return float((first - second).norm() / second.norm())


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_a_step_in_bfloat16_is_that_in_float32_within_its_digits(tiny, store, representation):
    decoder = {"model": {"decoder": {"representation": representation}}}
    steps = [
        one_step(build_learner(tiny(decoder | {"train": {"precision": precision}}), 0, CPU), store)
        for precision in ("bfloat16", "float32")
    ]
    (lowered, *lowered_gradients), (exact, *exact_gradients) = steps
    for name in exact.keys() - {"health/discriminator_accuracy"}:
        assert lowered[name] == pytest.approx(exact[name], rel=0.05, abs=0.02), name
    for found, expected in zip(lowered_gradients, exact_gradients, strict=True):
        assert 1e-7 < distance(found, expected) < 0.15


def test_what_adds_up_stays_float32(tiny, store):
    learner = build_learner(tiny({"train": {"precision": "bfloat16"}}), 0, CPU)
    batch = store.draw(2, learner.rng)
    seen = look(learner, batch)
    assert seen.at_view.image.dtype == seen.at_view.rays.weights.dtype == torch.float32
    forward, terms = generator_phase(learner, batch)
    terms |= discriminator_phase(learner, forward)
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert {value.grad.dtype for value in learner.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_channels_last_weights_change_the_order_of_sums_alone(tiny, store, representation):
    config = tiny({"model": {"decoder": {"representation": representation}}})
    plain, laid_out = (build_learner(config, 0, CPU) for _ in range(2))
    to_channels_last(laid_out.model)
    to_channels_last(laid_out.discriminator)
    weight = laid_out.model.encoder.stem[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    (first, *first_gradients), (second, *second_gradients) = one_step(plain, store), one_step(laid_out, store)
    assert second == pytest.approx(first, rel=1e-4, abs=1e-6)
    for found, expected in zip(second_gradients, first_gradients, strict=True):
        assert distance(found, expected) < 1e-3


def test_a_held_batch_has_new_values_in_old_places(store):
    held, generator = StaticInputs(), torch.Generator().manual_seed(0)
    places = held.hold(store.draw(3, generator))
    fresh = store.draw(3, generator)
    again = held.hold(fresh)
    assert again is places
    for member in dataclasses.fields(fresh):
        assert torch.equal(getattr(again, member.name), getattr(fresh, member.name))
    assert held.hold(store.draw(3, generator, render_px=8)).targets.shape[-1] == 8


def test_the_learning_rate_falls_as_the_loop_asks_for_it(tiny, store):
    learner = build_learner(tiny({"train": {"iterations": 4, "constant_iterations": 2}}), 0, CPU)
    take_iteration, rates = Iteration(learner), []
    for _ in range(4):
        take_iteration(store.draw(2, learner.rng))
        rates.append([optimiser.param_groups[0]["lr"] for optimiser in learner.optimisers().values()])
        learner.iteration += 1
    assert rates == [[1e-3, 1e-3], [1e-3, 1e-3], [1e-3, 1e-3], [5e-4, 5e-4]]


def test_without_a_compiler_networks_run_as_they_are_and_the_log_says_so(tiny, monkeypatch, caplog):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    learner = build_learner(tiny({"train": {"compile": "networks"}}), 0, CPU)
    assert not compile_networks(learner)
    assert "a compiler (g++ or clang++) is missing" in caplog.text
    assert all(network._compiled_call_impl is None for network in compiled_networks(learner))


def test_triton_is_asked_for_on_cuda_alone(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda name: None)
    assert missing_tool(torch.device("cuda")) == "the package triton"
    assert missing_tool(CPU) is None


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_every_convolution_is_in_a_compiled_part(tiny, representation):
    learner = build_learner(tiny({"model": {"decoder": {"representation": representation}}}), 0, CPU)
    parts = {id(weight) for network in compiled_networks(learner) for weight in network.parameters()}
    networks = (learner.model, learner.discriminator, learner.perceptual)
    named = [pair for network in networks for pair in network.named_parameters()]
    outside = {name for name, weight in named if weight.ndim > 2 and id(weight) not in parts}
    assert outside <= {"decoder.constant", "decoder.to_planes.weight"}


@pytest.mark.slow
def test_every_compiled_network_is_one_graph_at_both_sizes():
    """What torch cannot compile it runs as it is, without an error: only time would tell."""
    program = [sys.executable, str(ROOT / "tests" / "compiled_frames.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: {"uncompiled": 0, "breaks": {}} for name in ("voxel", "triplane", "se3")}


@pytest.mark.slow
def test_three_hundred_iterations_in_bfloat16_end_where_float32_does(tiny, store):
    ends = {}
    for precision in ("float32", "bfloat16"):
        config = tiny(
            {
                "losses": {"adversarial": 0.0},
                "train": {"precision": precision, "iterations": 300, "constant_iterations": 200, "log_every": 10},
            }
        )
        learner = build_learner(config, 0, pick_device("cpu"))
        iterate(learner, store, dataclasses.replace(NO_HOOKS), "run")
        last = [row for row in learner.history if row[0] > 200]
        names = ("loss/mask", "loss/rgb", "loss/total")
        ends[precision] = [sum(value for _, n, value in last if n == name) for name in names]
    assert ends["bfloat16"] == pytest.approx(ends["float32"], rel=0.05)


BLOCKED = """
import runpy, sys
sys.modules.update(dict.fromkeys(("bpy", "pyrender", "snakemake", "mlflow", "trimesh", "open_clip")))
sys.path.insert(0, "benchmarks")  # as where it is run as a program
runpy.run_path("benchmarks/train_step.py", run_name="__main__")
"""


@pytest.mark.slow
def test_the_benchmark_needs_no_package_of_other_stages(tmp_path):
    arguments = ["--compile", "networks", "--ablations", "base", "clip", "--seconds", "0.5", "--batch-size", "2"]
    rows = tmp_path / "rows.json"
    program = [sys.executable, "-c", BLOCKED, *arguments, "--json", str(rows)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clip: left out" in done.stderr and "| base" in done.stdout.splitlines()[-2]
    assert {row["path"] for row in json.loads(rows.read_text())["rows"]} == {"eager", "fast"}
