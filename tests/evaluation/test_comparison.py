import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.comparison import METRIC_UNDEFINED, NOT_IN_THE_PAPER, comparison_table
from shelfnet.evaluation.comparison_text import chamfer_sentences, chamfer_verdict_sentence, comparison_markdown
from shelfnet.evaluation.results import COLUMNS
from shelfnet.evaluation.verdict import Relation, chamfer_verdict

OBJECTS = 30


def results(ablation, chamfer, seeds=1, stages=("coarse",), seed=0, **columns):
    """Rows around a mean, with what all methods have in common: some objects are harder than others."""
    difficulty = np.random.default_rng(0).normal(0.0, 0.01, OBJECTS)
    noise = np.random.default_rng(seed)
    rows = [
        dict.fromkeys(COLUMNS, 0.5)
        | {
            "ablation": ablation,
            "seed": number,
            "model_id": f"m{index:02d}",
            "view": view,
            "stage": stage,
            "status": "ok",
            "chamfer": chamfer + difficulty[index] + noise.normal(0.0, 0.002),
        }
        | columns
        for number in range(seeds)
        for index in range(OBJECTS)
        for view in range(2)
        for stage in stages
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def baselines():
    unknown = {"azimuth_error_deg": np.nan, "mask_iou": np.nan}
    tables = [
        results("sphere", 0.120, seed=1, **unknown),
        results("random_train", 0.080, seed=2, floater_fraction=np.nan, **unknown),
        results("mean_shape", 0.060, seed=3, floater_fraction=np.nan, **unknown),
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def table(baselines):
    tables = {
        "base": results("base", 0.050, seeds=2, stages=("coarse", "refined"), seed=4),
        "triplane": results("triplane", 0.040, seed=5, azimuth_error_deg=12.0),
        "luck": results("luck", 0.0599, seed=3),
        "untrained": results("untrained", 0.110, seed=6),
    }
    tables["luck"]["chamfer"] += np.where(np.arange(2 * OBJECTS) % 4 < 2, 0.02, -0.02)
    tables["untrained"].loc[:2, "status"] = "empty"
    return comparison_table(tables, baselines, samples=500, seed=0).set_index(["ablation", "stage"], drop=False)


def test_table_has_one_row_per_method_and_stage_in_order(table):
    assert list(table.index) == [
        ("base", "coarse"),
        ("base", "refined"),
        ("triplane", "coarse"),
        ("luck", "coarse"),
        ("untrained", "coarse"),
        ("sphere", "coarse"),
        ("random_train", "coarse"),
        ("mean_shape", "coarse"),
    ]
    assert list(table["n_objects"]) == [OBJECTS] * 8
    assert list(table["n_seeds"]) == [2, 2, 1, 1, 1, 1, 1, 1]
    assert list(table["n_empty"]) == [0, 0, 0, 0, 3, 0, 0, 0]


def test_table_summarises_the_rows(table):
    row = table.loc[("triplane", "coarse")]
    chamfer = results("triplane", 0.040, seed=5)["chamfer"]
    assert row["mean"] == pytest.approx(chamfer.mean())
    assert row["median"] == pytest.approx(chamfer.median())
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    assert row["azimuth_error_deg"] == 12.0
    assert row["difference_to_base"] == pytest.approx(row["mean"] - table.loc[("base", "coarse"), "mean"])
    # Objects differ by 0.01, methods on the same object by 0.002: pairing shows.
    paired = row["difference_to_base_ci_high"] - row["difference_to_base_ci_low"]
    assert paired < 0.4 * (row["ci_high"] - row["ci_low"])


def test_only_clear_differences_beat_the_mean_shape(table):
    beats = table["beats_mean_shape"]
    assert list(beats[beats].index) == [("base", "coarse"), ("base", "refined"), ("triplane", "coarse")]


def test_unknown_values_stay_blank(table):
    assert np.isnan(
        table.loc[("mean_shape", "coarse"), ["floater_fraction", "difference_to_mean_shape"]].astype(float)
    ).all()
    assert np.isnan(table.loc[("base", "coarse"), "difference_to_base"])
    assert np.isnan(table.loc[("sphere", "coarse"), "azimuth_error_deg"])
    assert table.loc[["luck", "sphere", "mean_shape"], "published_chamfer"].isna().all()


def test_published_values_are_marked_as_not_comparable(table):
    assert table.loc[("base", "refined"), "published_chamfer"] == 0.133
    assert table.loc[("triplane", "coarse"), "published_chamfer"] == 0.144
    notes = table["published_note"]
    assert notes["base", "refined"] == notes["triplane", "coarse"] == METRIC_UNDEFINED
    assert notes["luck", "coarse"] == notes["sphere", "coarse"] == NOT_IN_THE_PAPER


def test_row_does_not_depend_on_other_methods(table, baselines):
    alone = comparison_table({"triplane": results("triplane", 0.040, seed=5)}, baselines, samples=500, seed=0).iloc[0]
    together = table.loc[("triplane", "coarse")]
    names = ["mean", "ci_low", "ci_high", "difference_to_mean_shape_ci_high"]
    assert list(alone[names]) == list(together[names])


def test_missing_mean_shape_raises(baselines):
    with pytest.raises(ValueError, match=r"mean_shape.*sphere"):
        comparison_table({}, baselines[baselines["ablation"] == "sphere"], samples=10, seed=0)


def findings(comparison):
    return {finding.ablation: finding for finding in chamfer_verdict(comparison).findings}


def test_verdict_names_the_best_method_and_judges_last_stages(table):
    found = chamfer_verdict(table.reset_index(drop=True))
    best = found.best
    assert (best.ablation, best.stage, best.chamfer.estimate) == ("triplane", "coarse", table["mean"].min())
    assert found.mean_shape_chamfer == table.loc[("mean_shape", "coarse"), "mean"]
    assert [(own.ablation, own.stage, own.to_mean_shape.relation) for own in found.findings] == [
        ("base", "refined", Relation.BETTER),
        ("triplane", "coarse", Relation.BETTER),
        ("luck", "coarse", Relation.INCONCLUSIVE),
    ]
    base, triplane, luck = found.findings
    assert base.to_base is None
    assert (triplane.to_base.relation, luck.to_base.relation) == (Relation.BETTER, Relation.WORSE)
    assert triplane.to_base.interval.estimate == table.loc[("triplane", "coarse"), "difference_to_base"]


def test_verdict_of_an_ablation_far_above_mean_shape_is_worse(baselines):
    tables = {"base": results("base", 0.05, seed=4), "lost": results("lost", 0.11, seed=6)}
    lost = findings(comparison_table(tables, baselines, samples=500, seed=0))["lost"]
    assert (lost.to_mean_shape.relation, lost.to_base.relation) == (Relation.WORSE, Relation.WORSE)
    alone = comparison_table({"lost": tables["lost"]}, baselines, samples=500, seed=0)
    assert chamfer_verdict(alone).best.ablation == "lost"
    assert findings(alone)["lost"].to_base is None


def test_verdict_counts_the_runs_of_the_side_with_fewer(baselines):
    tables = {"base": results("base", 0.05, seeds=2, seed=4), "triplane": results("triplane", 0.04, seeds=3, seed=5)}
    found = findings(comparison_table(tables, baselines, samples=100, seed=0))["triplane"]
    assert (found.to_mean_shape.n_seeds, found.to_base.n_seeds) == (3, 2)


def test_sentences_qualify_verdicts_from_few_runs(baselines):
    def sentence(seeds):
        tables = {"base": results("base", 0.05, seeds=seeds, seed=4)}
        return chamfer_sentences(comparison_table(tables, baselines, samples=100, seed=0))[1]

    one, two, three = (sentence(seeds) for seeds in (1, 2, 3))
    assert "one run" in one and "two runs" in two and "run" not in three


@pytest.mark.parametrize("estimate", [-0.0001, 0.0001])
def test_difference_within_chance_is_no_win(table, estimate):
    table = table.reset_index(drop=True)
    table.loc[table["ablation"] == "luck", "difference_to_mean_shape"] = estimate
    lead, _, _, luck, *_ = chamfer_sentences(table)
    assert findings(table)["luck"].to_mean_shape.relation is Relation.INCONCLUSIVE
    assert "luck" not in lead
    assert "cannot be distinguished from `mean_shape`" in luck


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((-0.02, -0.03, -0.01), "0.0200 [0.0100, 0.0300] below `mean_shape`"),
        ((-0.02, -0.03, 0.01), "cannot be distinguished from `mean_shape`"),
        ((0.02, 0.01, 0.03), "is worse than `mean_shape`"),
    ],
)
def test_verdict_is_one_sentence_about_the_best_trained_method(table, interval, expected):
    columns = [f"difference_to_mean_shape{end}" for end in ("", "_ci_low", "_ci_high")]
    table = table.reset_index(drop=True)
    table.loc[table["ablation"] == "triplane", columns] = interval
    sentence = chamfer_verdict_sentence(table)
    assert "`triplane` (coarse)" in sentence and expected in sentence
    assert sentence.count(". ") == 0


def test_verdict_without_a_trained_method_says_so(table):
    alone = table.reset_index(drop=True)
    alone = alone[alone["ablation"].isin(["sphere", "mean_shape"])]
    assert "No trained method" in chamfer_verdict_sentence(alone)


def test_markdown_has_every_row_and_marks_the_best(table):
    text = comparison_markdown(table.reset_index(drop=True), ["(a) A claim."], {"code": "0.1.0"})
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(table)
    assert len({line.count("|") for line in rows}) == 1
    (marked,) = [line for line in rows if f"**{table['mean'].min():.4f}**" in line]
    assert marked.startswith("| `triplane` | coarse |")
    assert "- code: 0.1.0" in text and "- (a) A claim." in text
    assert "nan" not in text


@pytest.mark.parametrize(("refined_chamfer", "worse"), [(0.03, ()), (0.07, ("base",))])
def test_refinement_effect_is_the_range_over_methods(baselines, refined_chamfer, worse):
    def stages(name, refined_chamfer, refined_iou):
        coarse = results(name, 0.05, seed=4, mask_iou=0.6)
        refined = results(name, refined_chamfer, stages=("refined",), seed=4, mask_iou=refined_iou)
        return pd.concat([coarse, refined], ignore_index=True)

    tables = {"base": stages("base", refined_chamfer, 0.7), "se3": stages("se3", 0.04, 0.8)}
    comparison = comparison_table(tables, baselines, samples=10, seed=0)
    effect = chamfer_verdict(comparison).refinement
    assert effect.mask_error == pytest.approx((-0.5, -0.25))
    assert effect.chamfer == pytest.approx((min(refined_chamfer, 0.04) - 0.05, max(refined_chamfer, 0.04) - 0.05))
    assert effect.worse == worse
    assert ("refine.max_offset" in chamfer_sentences(comparison)[-1]) == bool(worse)


def test_no_refinement_has_no_effect(baselines):
    comparison = comparison_table({"base": results("base", 0.05)}, baselines, samples=10, seed=0)
    assert chamfer_verdict(comparison).refinement is None
