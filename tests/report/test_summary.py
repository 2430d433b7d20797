import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from report_tree import tree_config, write_report_tree

from shelfnet.config.schema import Config
from shelfnet.report.runs import evaluated_runs
from shelfnet.report.summary import (
    FOLDER_STAGES,
    MAX_TAG_VALUES,
    PHOTOGRAPH_STAGES,
    caveats,
    count_values,
    dataset_summary,
    kind_of_fault,
    provenance_summary,
    stage_times,
    storage_by_stage,
)

CONFIG = tree_config("base")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ("base",), seeds=(0,))
    return folder


@pytest.fixture
def runs(results):
    return evaluated_runs(CONFIG, results, {"base": pd.read_csv(results / "base" / "chamfer.csv")})


def test_dataset_summary_counts_models_refusals_and_bytes(results):
    facts = dataset_summary(CONFIG, results)
    by_title = {counts.title: counts for counts in facts.counts}
    assert dict(by_title["split"].rows) == {"train": 6, "validation": 3, "test": 3}
    assert list(by_title) == ["split", "super_category", "category", "style", "theme", "material"]
    assert dict(by_title["theme"].rows) == {"none": 12}
    assert facts.quarantine.rows == (("catalogue: raw_model.obj: line …: <b>no number</b>", 1),)
    assert facts.views == 12 * 3
    shard_bytes = sum(path.stat().st_size for path in (results / "renders").glob("*.parquet"))
    assert facts.bytes_per_view == pytest.approx(shard_bytes / 36)


def test_storage_is_summed_by_stage(results):
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


def test_photographs_have_their_own_stages(results):
    stages, of_photographs = (
        {stage for stage, _, _ in storage_by_stage(results, names)} for names in (FOLDER_STAGES, PHOTOGRAPH_STAGES)
    )
    replaced = {"stage_dataset", "build_catalogue", "render_views", "evaluate_baselines", "evaluate"}
    by = {"stage_photographs", "catalogue_photographs", "crop_photographs", "evaluate_sphere", "evaluate_silhouettes"}
    assert stages - of_photographs == replaced
    assert of_photographs - stages == by
    photographs = tree_config("base", dataset={"kind": "images"})
    assert {stage for stage, _, _ in dataset_summary(photographs, results).storage} == of_photographs


def test_every_stage_is_a_rule():
    rules = "".join(path.read_text() for path in (Path(__file__).parents[2] / "workflow" / "rules").glob("*.smk"))
    named = {*FOLDER_STAGES.values(), *PHOTOGRAPH_STAGES.values()} - {"mirror_tracking"}
    assert named <= set(re.findall(r"^rule (\w+):", rules, re.MULTILINE))


def test_quarantine_counts_renders_and_surfaces(results):
    (results / "renders" / "quarantine-0000.csv").write_text("model_id,stage,reason,path\nm,render,black,m.obj\n")
    (results / "surfaces").mkdir()
    (results / "surfaces" / "quarantine-0000.csv").write_text("model_id,stage,reason,path\nn,surface,no area,n.obj\n")
    assert dataset_summary(CONFIG, results).quarantine.total == 3


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
def test_kind_of_fault_ignores_numbers_and_values(reasons, kind):
    assert {kind_of_fault(reason) for reason in reasons} == {kind}


def test_quarantine_counts_by_kind_of_fault(tmp_path):
    folder = tmp_path / "results"
    write_report_tree(folder, ("base",), seeds=(0,))
    with (folder / "catalogue" / "quarantine.csv").open("a") as stream:
        stream.write("bad-2,catalogue,raw_model.obj: line 1204: <b>no number</b>,bad-2/raw_model.obj\n")
    assert dataset_summary(CONFIG, folder).quarantine.rows == (
        ("catalogue: raw_model.obj: line …: <b>no number</b>", 2),
    )


def test_all_categories_of_3d_future_are_counted():
    assert len(count_values("category", map(str, range(42))).rows) == 42


def test_rare_values_are_summed_up():
    counts = count_values("category", [str(n) for n in range(MAX_TAG_VALUES + 5)] + ["0"])
    assert counts.rows[0] == ("0", 2)
    assert counts.rows[-1] == ("5 others", 5)
    assert counts.total == MAX_TAG_VALUES + 6


def test_stage_times_are_summed(results, runs):
    (results / "benchmarks" / "compare.tsv").write_text("s\th:m:s\tmax_rss\n36.0\t0:00:36\t-\n")
    (compare, train) = stage_times(CONFIG, results, runs)
    assert compare[:3] == ("compare", 1, pytest.approx(0.01))
    assert math.isnan(compare[3])
    assert train == ("train", 1, pytest.approx(75 / 3600), 812.5)


STAND_IN = Config()
REAL = Config.model_validate(
    {"dataset": {"kind": "3d_future"}, "perceptual": {"weights": "imagenet"}, "clip": {"source": "pretrained"}}
)


def test_caveats_name_untrained_features_and_small_clip(tmp_path):
    assert caveats(REAL, tmp_path) == []
    assert len(caveats(STAND_IN, tmp_path)) == 3
    assert "untrained" in caveats(STAND_IN, tmp_path)[0]
    assert dict(provenance_summary(REAL))["seeds"] == "0"


def write_clip_description(results, top1: float, choices: int, **more) -> None:
    (results / "clip_model").mkdir(parents=True)
    description = {"retrieval_top1": top1, "retrieval_choices": choices, **more}
    (results / "clip_model" / "model.json").write_text(json.dumps(description))


def test_small_clip_caveat_has_its_retrieval(tmp_path):
    write_clip_description(tmp_path, 0.2202, 32)
    _, clip, _ = caveats(STAND_IN, tmp_path)
    assert all(number in clip for number in ("22.0 %", " 32", "7.0 times"))


def test_small_clip_with_poor_retrieval_has_a_warning(tmp_path):
    write_clip_description(tmp_path, 0.1, 32)
    _, clip, warning, _ = caveats(STAND_IN, tmp_path)
    assert "3.2 times" in clip
    assert warning.startswith("⚠") and "3.2 times" in warning and " 5 times" in warning


def test_small_clip_caveats_say_what_it_understands(tmp_path):
    tags = {"material": {"accuracy": 0.614, "majority": 0.28, "values": 6, "images": 96}}
    new = {"top1": 0.125, "choices": 32}
    write_clip_description(tmp_path, 0.3, 32, retrieval_new_captions=new, tags=tags)
    _, retrieval, understood, _ = caveats(STAND_IN, tmp_path)
    assert "12.5 %" in retrieval
    assert all(part in understood for part in ("material of 61 %", "6 values", "28 %"))


def test_released_clip_has_no_caveat(tmp_path):
    write_clip_description(tmp_path, 0.1, 32)
    assert caveats(REAL, tmp_path) == []
