"""Capture and replay of CUDA graphs, with a stand-in for ``torch.cuda`` that counts captures and replays."""

import dataclasses
from contextlib import contextmanager

import pytest
import torch
from tiny_training import CPU, build_run

from shelfnet.networks.shelfnet import Rendering
from shelfnet.training import loop
from shelfnet.training.acceleration.cuda_graphs import CALLS_BEFORE_CAPTURE, CudaGraphed, StaticInputs
from shelfnet.training.discriminator_step import Renders
from shelfnet.training.state import TrainState


class FakeStream:
    def __init__(self, device=None):
        self.waited_for = []

    def wait_stream(self, other):
        self.waited_for.append(other)


class FakeGraph:
    def __init__(self, made):
        self.replays, self.generator = 0, None
        made.append(self)

    def register_generator_state(self, generator):
        self.generator = generator

    def replay(self):
        self.replays += 1


class FakeCuda:
    """Streams and graphs; a failed capture leaves its stream current, as the real one does."""

    def __init__(self, monkeypatch):
        self.default = self.current = FakeStream()
        self.graphs = []
        monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: FakeGraph(self.graphs))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: self.current)
        monkeypatch.setattr(torch.cuda, "set_stream", self.set_stream)
        monkeypatch.setattr(torch.cuda, "stream", self.stream)
        monkeypatch.setattr(torch.cuda, "graph", self.capture)

    def set_stream(self, stream):
        self.current = stream

    @contextmanager
    def stream(self, stream):
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextmanager
    def capture(self, graph, stream, capture_error_mode):
        before, self.current = self.current, stream
        yield
        self.current = before


@pytest.fixture
def cuda(monkeypatch):
    return FakeCuda(monkeypatch)


class Recorder:
    """A function that numbers its calls and returns the number."""

    def __init__(self, cuda, fails_at=None):
        self.cuda, self.fails_at, self.streams = cuda, fails_at, []

    def __call__(self):
        self.streams.append(self.cuda.current)
        if len(self.streams) == self.fails_at:
            raise RuntimeError("operation not permitted when stream is capturing")
        return len(self.streams)


def test_function_is_captured_after_eager_calls_and_then_replayed(cuda):
    function, rng = Recorder(cuda), torch.Generator()
    graphed = CudaGraphed(function, rng)
    results = [graphed("key") for _ in range(CALLS_BEFORE_CAPTURE + 3)]
    captured = CALLS_BEFORE_CAPTURE + 1
    assert results == [*range(1, captured + 1), captured, captured]
    (graph,) = cuda.graphs
    assert graph.replays == 3 and graph.generator is rng
    assert set(function.streams) == {graphed.stream} and cuda.current is cuda.default
    assert cuda.default in graphed.stream.waited_for and graphed.stream in cuda.default.waited_for


def test_new_key_captures_anew(cuda):
    graphed = CudaGraphed(Recorder(cuda), torch.Generator())
    for key in ("small", "large"):
        for _ in range(CALLS_BEFORE_CAPTURE + 2):
            graphed(key)
    assert [graph.replays for graph in cuda.graphs] == [2, 2]
    assert len(graphed.function.streams) == 2 * (CALLS_BEFORE_CAPTURE + 1)


def test_failed_capture_warns_and_runs_eagerly_on_the_outer_stream(cuda, caplog):
    function = Recorder(cuda, fails_at=CALLS_BEFORE_CAPTURE + 1)
    graphed = CudaGraphed(function, torch.Generator())
    results = [graphed("key") for _ in range(CALLS_BEFORE_CAPTURE + 3)]
    assert results == [1, 2, 3, 5, 6, 7]
    assert cuda.current is cuda.default and cuda.graphs[0].replays == 0 and len(cuda.graphs) == 1
    (warning,) = caplog.messages
    assert "stream is capturing" in warning


@dataclasses.dataclass(frozen=True)
class Inputs:
    first: torch.Tensor
    second: torch.Tensor


def inputs(value, size=2):
    return Inputs(torch.full((size,), value), torch.full((size, 3), value))


def test_static_inputs_keep_their_addresses_while_shapes_stay():
    static = StaticInputs()
    held = static.hold(inputs(1.0))
    addresses = [held.first.data_ptr(), held.second.data_ptr()]
    again = static.hold(inputs(2.0))
    assert [again.first.data_ptr(), again.second.data_ptr()] == addresses
    assert again.first.tolist() == [2.0, 2.0] and again.second.eq(2.0).all()


def test_static_inputs_of_another_shape_have_new_addresses():
    static = StaticInputs()
    first = static.hold(inputs(1.0))
    larger = static.hold(inputs(3.0, size=4))
    assert larger.first.data_ptr() != first.first.data_ptr()
    assert larger.second.shape == (4, 3) and larger.second.eq(3.0).all()
    assert first.first.tolist() == [1.0, 1.0]


def test_static_batch_has_the_values_of_the_new_batch(store):
    static, generator = StaticInputs(), torch.Generator().manual_seed(0)
    held = static.hold(store.draw(3, generator))
    fresh = store.draw(3, generator)
    again = static.hold(fresh)
    assert again is held
    for field in dataclasses.fields(fresh):
        assert torch.equal(getattr(again, field.name), getattr(fresh, field.name))


def test_phases_that_read_renders_stay_eager_until_the_renders_repeat(cuda, tiny, store, monkeypatch):
    """Until the generator is replayed, its renders lie at new addresses, which a graph must not read."""
    calls = []

    def generator(batch, renders):
        calls.append("generator")
        blank = Rendering(torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1))
        return {"mask": torch.zeros(())}, Renders(blank, blank)

    def discriminator(batch, renders):
        calls.append("discriminator")
        return {"discriminator": torch.zeros(())}, renders

    phases = [loop.Phase("generator", 1, generator), loop.Phase("discriminator", 1, discriminator)]
    monkeypatch.setattr(loop, "train_phases", lambda *_: phases)
    monkeypatch.setattr(loop, "compile_networks", lambda *_: True)
    monkeypatch.setattr(TrainState, "device", property(lambda _: torch.device("cuda")))
    state, context = build_run(tiny({"train": {"compile": "graphs"}}), device=CPU)
    run_iteration = loop.Iteration(state, context)
    graphs_after = []
    for _ in range(2 * CALLS_BEFORE_CAPTURE + 3):
        terms = run_iteration(store.draw(2, state.rng))
        assert set(terms) == {"mask", "discriminator"}
        graphs_after.append(len(cuda.graphs))
    # The generator is captured in iteration 4; from then on its renders repeat, and the discriminator follows in 7.
    generator_at, discriminator_at = CALLS_BEFORE_CAPTURE + 1, 2 * CALLS_BEFORE_CAPTURE + 1
    assert graphs_after == [sum((number >= generator_at, number >= discriminator_at)) for number in range(1, 10)]
    assert calls.count("generator") == generator_at and calls.count("discriminator") == discriminator_at
    run_iteration(store.draw(2, state.rng, render_px=8))
    assert calls.count("generator") == generator_at + 1, "renders of another size need a new graph"
