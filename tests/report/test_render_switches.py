from dataclasses import replace

import pytest

from shelfnet.report import render_switches
from shelfnet.report.render_switches import RenderSwitch, read_render_switches
from shelfnet.report.runs import Run
from shelfnet.training.description import RunDescription

TRAINED = RunDescription(
    iterations=450,
    coarse_iterations=270,
    coarse_px=32,
    resolution_px=64,
    perceptual_features="untrained",
    code_version="0",
    device="cpu",
    seconds=1.0,
)


@pytest.fixture
def describe(monkeypatch, tmp_path):
    """Runs of one ablation that say what is given."""
    said = {}
    monkeypatch.setattr(render_switches, "read_run_description", said.__getitem__)

    def runs(ablation, *changes):
        own = [Run(ablation, seed, tmp_path / ablation / str(seed), (), 1, 0.0) for seed in range(len(changes))]
        said.update({run.folder: replace(TRAINED, **change) for run, change in zip(own, changes, strict=True)})
        return {ablation: own}

    return runs


def test_every_run_says_where_its_own_renders_grow(describe):
    runs = describe("base", {}, {}) | describe("best", {"coarse_iterations": 100, "resolution_px": 48}, {})
    assert read_render_switches(runs) == {
        "base": {RenderSwitch(270, 64)},
        "best": {RenderSwitch(100, 48), RenderSwitch(270, 64)},
    }


@pytest.mark.parametrize(
    "change",
    [{"iterations": 0}, {"iterations": 270}, {"coarse_iterations": 0}, {"coarse_px": 64}],
    ids=lambda change: next(iter(change)),
)
def test_renders_of_one_size_have_no_switch(describe, change):
    assert read_render_switches(describe("base", change)) == {"base": frozenset()}
