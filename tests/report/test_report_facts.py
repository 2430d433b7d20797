import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from report_tree import tree_config, write_report_tree

from shelfnet.config.schema import Config
from shelfnet.report.facts import (
    FOLDER_STAGES,
    MAX_TAG_VALUES,
    PHOTOGRAPH_STAGES,
    count_values,
    dataset_facts,
    kind_of_fault,
    notices,
    provenance_facts,
    stage_times,
    storage_by_stage,
    training_runs,
)
from shelfnet.report.health import AZIMUTH_SPREAD_PRIOR, LAST_LOGGED, examine
from shelfnet.report.runs import evaluated_runs
from shelfnet.training.description import DescriptionError

CONFIG = tree_config("base")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ("base",), seeds=(0,))
    return folder


@pytest.fixture
def runs(results):
    return evaluated_runs(CONFIG, results, {"base": pd.read_csv(results / "base" / "chamfer.csv")})


def test_models_refusals_and_bytes_are_counted(results):
    facts = dataset_facts(CONFIG, results)
    by_title = {counts.title: counts for counts in facts.counts}
    assert dict(by_title["split"].rows) == {"train": 6, "validation": 3, "test": 3}
    assert list(by_title) == ["split", "super_category", "category", "style", "theme", "material"]
    assert dict(by_title["theme"].rows) == {"none": 12}
    assert facts.quarantine.rows == (("catalogue: raw_model.obj: line …: <b>no number</b>", 1),)
    assert facts.views == 12 * 3
    shard_bytes = sum(path.stat().st_size for path in (results / "renders").glob("*.parquet"))
    assert facts.bytes_per_view == pytest.approx(shard_bytes / 36)


def test_bytes_are_summed_by_the_stage_that_wrote_them(results):
    storage = {stage: (files, megabytes) for stage, files, megabytes in storage_by_stage(results, FOLDER_STAGES)}
    made = {"stage_dataset", "build_catalogue", "render_views", "evaluate_baselines", "train", "reconstruct", "refine"}
    assert {*made, "evaluate"} <= set(storage)
    meshes = list((results / "base" / "seed0" / "coarse").rglob("*.*"))
    assert storage["reconstruct"] == (len(meshes), pytest.approx(sum(path.stat().st_size for path in meshes) / 1e6))
    assert (storage["evaluate"][0], storage["evaluate_baselines"][0]) == (1, 2)
    every = [path for path in results.rglob("*") if path.is_file()]
    assert sum(files for files, _ in storage.values()) == len(every)
    sizes = [megabytes for _, megabytes in storage.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_photographs_have_stages_of_their_own(results):
    """Rules in the one file, and rules in the other, that write to the same folders."""
    stages, of_photographs = (
        {stage for stage, _, _ in storage_by_stage(results, names)} for names in (FOLDER_STAGES, PHOTOGRAPH_STAGES)
    )
    replaced = {"stage_dataset", "build_catalogue", "render_views", "evaluate_baselines", "evaluate"}
    by = {"stage_photographs", "catalogue_photographs", "crop_photographs", "evaluate_sphere", "evaluate_silhouettes"}
    assert stages - of_photographs == replaced
    assert of_photographs - stages == by
    photographs = tree_config("base", dataset={"kind": "images"})
    assert {stage for stage, _, _ in dataset_facts(photographs, results).storage} == of_photographs


def test_every_stage_is_a_rule():
    rules = "".join(path.read_text() for path in (Path(__file__).parents[2] / "workflow" / "rules").glob("*.smk"))
    named = {*FOLDER_STAGES.values(), *PHOTOGRAPH_STAGES.values()} - {"mirror_tracking"}
    assert named <= set(re.findall(r"^rule (\w+):", rules, re.MULTILINE))


def test_a_refusal_while_rendering_counts_too(results):
    (results / "renders" / "quarantine-0000.csv").write_text("model_id,stage,reason,path\nm,render,black,m.obj\n")
    (results / "surfaces").mkdir()
    (results / "surfaces" / "quarantine-0000.csv").write_text("model_id,stage,reason,path\nn,surface,no area,n.obj\n")
    assert dataset_facts(CONFIG, results).quarantine.total == 3


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["a.obj: line 3: expected a number, got 'x'", 'a.obj: line 1204: expected a number, got "it\'s"'],
         "a.obj: line …: expected a number, got …"),
        (["used more than 1500 MB", "used more than 812.5 MB"], "used more than … MB"),
        (["got -1.5e-07 of 1,024 x 64x64", "got 3 of 7 x 1"], "got … of … x …"),
        (['expected "a" or `b`', "expected 'c' or 'cut"], "expected … or …"),
        (["no network for https://host/000-001/c2.glb>", "no network for http://other>"], "no network for …>"),
        (["the photo's own alpha and KTX2 in UTF-8, the models' too"] * 2,
         "the photo's own alpha and KTX2 in UTF-8, the models' too"),
    ],
)  # fmt: skip
def test_reasons_that_differ_in_numbers_and_values_are_one_fault(reasons, kind):
    assert {kind_of_fault(reason) for reason in reasons} == {kind}


def test_two_lines_of_one_fault_are_counted_together(tmp_path):
    folder = tmp_path / "results"
    write_report_tree(folder, ("base",), seeds=(0,))
    with (folder / "catalogue" / "quarantine.csv").open("a") as stream:
        stream.write("bad-2,catalogue,raw_model.obj: line 1204: <b>no number</b>,bad-2/raw_model.obj\n")
    assert dataset_facts(CONFIG, folder).quarantine.rows == (("catalogue: raw_model.obj: line …: <b>no number</b>", 2),)


def test_the_tags_of_3d_future_are_all_shown():
    assert len(count_values("category", map(str, range(42))).rows) == 42


def test_rare_values_are_summed_up():
    counts = count_values("category", [str(n) for n in range(MAX_TAG_VALUES + 5)] + ["0"])
    assert counts.rows[0] == ("0", 2)
    assert counts.rows[-1] == ("5 others", 5)
    assert counts.total == MAX_TAG_VALUES + 6


def test_times_are_summed_by_stage(results, runs):
    (results / "benchmarks" / "compare.tsv").write_text("s\th:m:s\tmax_rss\n36.0\t0:00:36\t-\n")
    (compare, train) = stage_times(CONFIG, results, runs)
    assert compare[:3] == ("compare", 1, pytest.approx(0.01))
    assert math.isnan(compare[3])
    assert train == ("train", 1, pytest.approx(75 / 3600), 812.5)


def test_runs_say_where_they_were_trained(runs):
    (run,) = training_runs(runs)
    said = run.description
    assert (run.ablation, run.seed, said.device, said.seconds) == ("base", 0, "cpu", 75.0)


def test_a_run_that_does_not_say_how_long_it_was_trained_is_an_error(tmp_path):
    write_report_tree(tmp_path, ("base",), seeds=(0,), n_models=4)
    path = tmp_path / "base" / "seed0" / "model.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "iterations"}))
    tables = {"base": pd.read_csv(tmp_path / "base" / "chamfer.csv")}
    with pytest.raises(DescriptionError, match=r"base/seed0/model\.json: expected the key iterations"):
        training_runs(evaluated_runs(CONFIG, tmp_path, tables))


STAND_IN = Config.model_validate({"perceptual": {"weights": "untrained"}, "clip": {"source": "trained"}})


def test_stand_ins_are_announced(tmp_path):
    real = Config.model_validate({"dataset": {"kind": "3d_future"}})
    assert notices(real, tmp_path) == []
    assert len(notices(STAND_IN, tmp_path)) == 3
    assert "untrained" in notices(STAND_IN, tmp_path)[0]
    assert dict(provenance_facts(real))["seeds"] == "0"


def write_clip_description(results, top1: float, choices: int) -> None:
    (results / "clip_model").mkdir(parents=True)
    description = {"retrieval_top1": top1, "retrieval_choices": choices}
    (results / "clip_model" / "model.json").write_text(json.dumps(description))


def test_the_small_clip_is_announced_with_its_retrieval(tmp_path):
    write_clip_description(tmp_path, 0.2202, 32)
    _, clip, _ = notices(STAND_IN, tmp_path)
    assert clip.endswith("the caption of 22.0 % of held-out images among 32: 7.0 times chance.")


def test_a_small_clip_that_retrieves_too_little_is_warned_of(tmp_path):
    write_clip_description(tmp_path, 0.1, 32)
    _, clip, warning, _ = notices(STAND_IN, tmp_path)
    assert clip.endswith("3.2 times chance.")
    assert warning.startswith("⚠") and "3.2 times chance, expected at least 5 times" in warning


def test_the_small_clip_is_of_no_interest_where_a_released_one_is_used(tmp_path):
    write_clip_description(tmp_path, 0.1, 32)
    assert notices(Config.model_validate({"dataset": {"kind": "3d_future"}}), tmp_path) == []


def rows(**changes):
    table = {"stage": "refined", "status": "ok", "azimuth_error_deg": 10.0, "floater_fraction": 0.0, "mask_iou": 0.8}
    return pd.DataFrame([table | changes] * 4)


def curves(values, name="validation/chamfer"):
    return pd.DataFrame({"ablation": "base", "seed": 0, "iteration": range(len(values)), "name": name, "value": values})


def spreads(values, prior):
    own, of_prior = curves(values, "health/azimuth_spread"), curves([prior] * len(values), AZIMUTH_SPREAD_PRIOR)
    return pd.concat([own, of_prior], ignore_index=True)


def test_azimuths_that_spread_as_a_narrow_prior_does_are_well():
    (health,) = examine({"base": rows()}, spreads([0.1] * 6, prior=0.1))
    assert (health.training[-1], health.azimuth_spread_prior) == (pytest.approx(0.1), pytest.approx(0.1))
    assert health.warnings == ()


def test_a_spread_without_that_of_the_prior_is_not_judged():
    (health,) = examine({"base": rows()}, curves([0.0] * 6, "health/azimuth_spread"))
    assert health.warnings == ()


def test_one_batch_is_no_collapse():
    (health,) = examine({"base": rows()}, spreads([0.8, 0.8, 0.8, 0.8, 0.1], prior=1.0))
    assert health.warnings == () and health.training[-1] == pytest.approx(0.66)


def test_a_healthy_ablation_has_no_warning():
    (health,) = examine({"base": rows()}, curves([0.2, 0.1]))
    assert health.warnings == ()
    assert health.validation == "0.2000 → 0.1000"
    assert health.training == (None, None, None, None) and health.azimuth_spread_prior is None


@pytest.mark.parametrize(
    ("table", "curve", "warning"),
    [
        (rows(status="empty"), curves([0.2, 0.1]), "4 predictions have no surface"),
        (rows(), curves([0.1, 0.1]), "validation did not improve"),
        (rows(azimuth_error_deg=88.0), curves([0.2, 0.1]), "close to a guess"),
        (rows(floater_fraction=0.4), curves([0.2, 0.1]), "much of the surface floats"),
        (rows(), curves([1.0, float("nan")], "loss/rgb"), "not finite"),
        (rows(), curves([0.7, *[0.999] * LAST_LOGGED], "health/discriminator_accuracy"), "tells every render"),
        (rows(), curves([0.2, *[0.001] * LAST_LOGGED], "health/mask_coverage"), "nearly empty"),
        (rows(), curves([0.2, *[0.95] * LAST_LOGGED], "health/mask_coverage"), "fill the whole image"),
        (rows(), spreads([0.8, *[0.1] * LAST_LOGGED], prior=1.0), "nearly the same"),
        (rows(), curves([0.8, *[0.0001] * LAST_LOGGED], "health/latent_deviation"), "hardly differ"),
    ],
)
def test_what_is_wrong_is_said(table, curve, warning):
    (health,) = examine({"base": table}, curve)
    assert len(health.warnings) == 1
    assert warning in health.warnings[0]
