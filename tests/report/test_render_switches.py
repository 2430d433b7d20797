import json

import pytest

from shelfnet.report.render_switches import RenderSwitch, read_render_switches


def write_run(results, ablation, seed=0, *, iterations=450, coarse=270, coarse_px=32, full_px=64):
    folder = results / ablation / f"seed{seed}"
    folder.mkdir(parents=True)
    described = {
        "iterations": iterations,
        "train": {"coarse_iterations": coarse, "coarse_px": coarse_px},
        "model": {"renderer": {"resolution_px": full_px}},
    }
    (folder / "model.json").write_text(json.dumps(described))


def test_every_run_says_where_its_own_renders_grow(tmp_path):
    write_run(tmp_path, "base", 0)
    write_run(tmp_path, "base", 1)
    write_run(tmp_path, "best", 0, coarse=100, full_px=48)
    write_run(tmp_path, "best", 1)
    assert read_render_switches(tmp_path, ["base", "best", "absent"]) == {
        "base": {RenderSwitch(270, 64)},
        "best": {RenderSwitch(100, 48), RenderSwitch(270, 64)},
        "absent": frozenset(),
    }


@pytest.mark.parametrize(
    "run", [{"iterations": 0}, {"iterations": 270}, {"coarse": 0}, {"coarse_px": 64}], ids=lambda run: next(iter(run))
)
def test_renders_of_one_size_have_no_switch(tmp_path, run):
    write_run(tmp_path, "base", **run)
    assert read_render_switches(tmp_path, ["base"]) == {"base": frozenset()}


def test_a_run_of_before_there_were_switches_has_none(tmp_path):
    (tmp_path / "base" / "seed0").mkdir(parents=True)
    (tmp_path / "base" / "seed0" / "model.json").write_text(json.dumps({"iterations": 500, "train": {}}))
    assert read_render_switches(tmp_path, ["base"]) == {"base": frozenset()}
