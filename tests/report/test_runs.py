"""Runs of a report, in a folder with left-overs of an earlier and larger run of the workflow."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from report_tree import SHARDS, tree_config, write_report_tree

from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.report.figures.poses import collect_view_angles
from shelfnet.report.runs import (
    ResolutionSwitch,
    RunsError,
    aligned_predictions,
    evaluated_runs,
    read_curves,
    resolution_switches,
    shard_paths,
)
from shelfnet.report.shown_views import collect_shown_views
from shelfnet.report.summary import dataset_summary, stage_times
from shelfnet.training.curves import CurvesError

ABLATIONS = ("base", "clip")


def read_tables(results, seeds=(0, 1)):
    tables = {name: pd.read_csv(results / name / "chamfer.csv") for name in ABLATIONS}
    return {name: table[table["seed"].isin(seeds)] for name, table in tables.items()}


def report_numbers(config, results, seeds):
    """Everything in a report that is read from folders with several runs, parts or shards."""
    runs = evaluated_runs(config, results, read_tables(results, seeds))
    test = load_evaluation_views(shard_paths(config, results), "test", 2)
    summary = dataset_summary(config, results)
    (view,) = collect_shown_views(runs, test, None, 1)
    return {
        "runs": [(run.ablation, run.seed) for own in runs.values() for run in own],
        "curves": len(read_curves(runs)),
        "predictions": len(aligned_predictions(runs["base"][0])),
        "azimuths": collect_view_angles(runs, test)["base"].predicted_azimuth_deg.tolist(),
        "shown": {key: prediction.path for key, prediction in view.predictions.items()},
        "trained": [run.description.iterations for own in runs.values() for run in own],
        "views": summary.views,
        "refused": summary.quarantine.total,
        "jobs": stage_times(config, results, runs),
    }


def write_refusal(folder, shard):
    (folder / f"quarantine-{shard:04d}.csv").write_text(f"model_id,stage,reason,path\nm{shard},render,black,m.obj\n")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ABLATIONS, n_models=10)
    write_refusal(folder / "renders", 0)
    return folder


@pytest.fixture(scope="module")
def config():
    return tree_config(*ABLATIONS)


def leave_a_part(results):
    for stage in ("coarse", "refined"):
        folder = results / "base" / "seed0" / stage
        shutil.copytree(folder / "part-0", folder / "part-1")
    (results / "benchmarks" / "refine").mkdir()
    shutil.copy(next(results.glob("benchmarks/train/*")), results / "benchmarks" / "refine" / "base-seed0-part1.tsv")


def leave_a_shard(results):
    shutil.copy(results / "renders" / "shard-0001.parquet", results / "renders" / f"shard-{SHARDS:04d}.parquet")
    write_refusal(results / "renders", SHARDS)


def leave_a_seed(results):
    shutil.copytree(results / "base" / "seed1", results / "base" / "seed7")
    shutil.copy(next(results.glob("benchmarks/train/*")), results / "benchmarks" / "train" / "base-seed7.tsv")


def leave_surfaces_of_a_data_set_with_a_truth(results):
    (results / "surfaces").mkdir()
    write_refusal(results / "surfaces", SHARDS)


@pytest.mark.parametrize(
    "leave", [leave_a_part, leave_a_shard, leave_a_seed, leave_surfaces_of_a_data_set_with_a_truth]
)
def test_left_overs_of_an_earlier_run_are_ignored(results, config, tmp_path, leave):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    before = report_numbers(config, folder, seeds=(0, 1))
    leave(folder)
    assert report_numbers(config, folder, seeds=(0, 1)) == before


def test_only_seeds_in_the_tables_are_read(results, config):
    of_one, of_both = (report_numbers(config, results, seeds) for seeds in ((0,), (0, 1)))
    assert of_one["runs"] == [("base", 0), ("clip", 0)]
    assert of_both["curves"] == 2 * of_one["curves"]
    assert len(of_both["trained"]) == 2 * len(of_one["trained"])
    assert of_both["azimuths"][: len(of_one["azimuths"])] == of_one["azimuths"]
    assert len(of_both["azimuths"]) == 2 * len(of_one["azimuths"])


def test_all_parts_are_read(results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    one_part = evaluated_runs(tree_config(*ABLATIONS), folder, read_tables(folder))["base"][0]
    whole = aligned_predictions(one_part)
    for stage in ("coarse", "refined"):
        first, second = (folder / "base" / "seed0" / stage / f"part-{part}" for part in (0, 1))
        shutil.copytree(first, second)
        table = pd.read_parquet(first / "predictions.parquet")
        table[::2].to_parquet(first / "predictions.parquet")
        table[1::2].to_parquet(second / "predictions.parquet")
    two_parts = tree_config(*ABLATIONS, ablations={"base": {"reconstruct": {"parts": 2}}})
    parted = aligned_predictions(evaluated_runs(two_parts, folder, read_tables(folder))["base"][0])
    columns = ["model_id", "view", "stage", "azimuth_deg", "alignment_deg"]
    pd.testing.assert_frame_equal(parted[columns], whole[columns])


@pytest.mark.parametrize(("angle_deg", "expected"), [(-12.345678, -12.345678), (np.nan, 0.0)])
def test_run_has_the_alignment_of_its_rows(results, config, angle_deg, expected):
    tables = {"base": read_tables(results)["base"].assign(alignment_deg=angle_deg)}
    assert [run.alignment_deg for run in evaluated_runs(config, results, tables)["base"]] == [expected] * 2


def test_run_with_two_alignments_is_named(results, config):
    table = read_tables(results)["base"].reset_index(drop=True)
    table.loc[len(table) - 1, "alignment_deg"] = 1.0
    with pytest.raises(RunsError, match="base, seed 1"):
        evaluated_runs(config, results, {"base": table})


def test_curves_carry_ablation_and_seed(results, config):
    runs = evaluated_runs(config, results, read_tables(results))
    curves = read_curves(runs)
    assert set(zip(curves["ablation"], curves["seed"], strict=True)) == {(a, s) for a in ABLATIONS for s in (0, 1)}
    assert read_curves({}).empty


def test_aligned_predictions_have_mesh_paths(results, config):
    predictions = aligned_predictions(evaluated_runs(config, results, read_tables(results))["base"][0])
    assert set(predictions["stage"]) == {"coarse", "refined"}
    assert set(predictions["alignment_deg"]) == {40.0}
    assert all(path.is_file() for path in predictions.loc[predictions["status"] == "ok", "mesh"])


def test_missing_curves_are_named(results, config, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    (tmp_path / "results" / "clip" / "seed1" / "metrics.parquet").unlink()
    with pytest.raises(CurvesError, match="clip/seed1/metrics"):
        read_curves(evaluated_runs(config, tmp_path / "results", read_tables(results)))


def test_aligned_azimuths_are_near_the_truth(results, config):
    test = load_evaluation_views(shard_paths(config, results), "test", 2)
    angles = collect_view_angles(evaluated_runs(config, results, read_tables(results)), test)["base"]
    errors = (angles.predicted_azimuth_deg - angles.true_azimuth_deg + 180.0) % 360.0 - 180.0
    assert len(errors) == 2 * 3 * 2
    assert abs(np.median(errors)) < 15.0


@pytest.fixture
def describe_runs(results, tmp_path):
    """Writes ``model.json`` of both seeds of base with changes to the schedule, and returns the runs."""

    def describe(*changes):
        runs = evaluated_runs(tree_config(*ABLATIONS), tmp_path, {"base": read_tables(results)["base"]})
        for run, change in zip(runs["base"], changes, strict=True):
            description = json.loads((results / "base" / "seed0" / "model.json").read_text())
            description["iterations"] = change.get("iterations", 450)
            description["train"] |= {"coarse_iterations": 270, "coarse_px": 32} | change.get("train", {})
            description["model"]["renderer"]["resolution_px"] = change.get("resolution_px", 64)
            run.folder.mkdir(parents=True)
            (run.folder / "model.json").write_text(json.dumps(description))
        return runs

    return describe


def test_resolution_switches_come_from_each_run(describe_runs):
    runs = describe_runs({"train": {"coarse_iterations": 100}, "resolution_px": 48}, {})
    assert resolution_switches(runs) == {"base": {ResolutionSwitch(100, 48), ResolutionSwitch(270, 64)}}


@pytest.mark.parametrize(
    "change",
    [{"iterations": 0}, {"iterations": 270}, {"train": {"coarse_iterations": 0}}, {"train": {"coarse_px": 64}}],
)
def test_run_with_one_resolution_has_no_switch(describe_runs, change):
    assert resolution_switches(describe_runs(change, change)) == {"base": frozenset()}
