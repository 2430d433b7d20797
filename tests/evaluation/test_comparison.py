import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation import comparison
from shelfnet.evaluation.comparison import comparison_table
from shelfnet.evaluation.comparison_text import comparison_markdown, verdict
from shelfnet.evaluation.results import COLUMNS

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


def test_there_is_a_row_for_each_method_and_stage_in_order(table):
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


def test_numbers_are_those_of_the_rows(table):
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


def test_only_what_lies_clearly_below_the_mean_shape_beats_it(table):
    beats = table["beats_mean_shape"]
    assert list(beats[beats].index) == [("base", "coarse"), ("base", "refined"), ("triplane", "coarse")]


def test_what_is_unknown_stays_unknown(table):
    assert np.isnan(
        table.loc[("mean_shape", "coarse"), ["floater_fraction", "difference_to_mean_shape"]].astype(float)
    ).all()
    assert np.isnan(table.loc[("base", "coarse"), "difference_to_base"])
    assert np.isnan(table.loc[("sphere", "coarse"), "azimuth_error_deg"])
    assert table.loc[["luck", "sphere", "mean_shape"], "published_chamfer"].isna().all()


def test_the_published_column_says_what_is_wrong_with_it(table, baselines):
    assert table.loc[("base", "refined"), "published_chamfer"] == 0.133
    assert table.loc[("triplane", "coarse"), "published_chamfer"] == 0.144
    notes = table["published_note"]
    assert notes["base", "refined"] == notes["triplane", "coarse"] == comparison.METRIC_UNDEFINED
    assert notes["luck", "coarse"] == notes["sphere", "coarse"] == "not in the paper"
    tables = {name: results(name, 0.05) for name in ("base", "se3")}
    rows = comparison_markdown(comparison_table(tables, baselines, samples=10, seed=0), {}).splitlines()
    assert rows[2].endswith("| published (metric undefined) |")
    assert rows[4].endswith("| 0.1330 |")
    assert rows[5].endswith("| no figure in the paper |")
    assert rows[6].endswith("| not in the paper |")


def test_a_row_does_not_depend_on_its_neighbours(table, baselines):
    alone = comparison_table({"triplane": results("triplane", 0.040, seed=5)}, baselines, samples=500, seed=0).iloc[0]
    together = table.loc[("triplane", "coarse")]
    names = ["mean", "ci_low", "ci_high", "difference_to_mean_shape_ci_high"]
    assert list(alone[names]) == list(together[names])


def test_missing_baselines_and_empty_tables_are_named(baselines):
    with pytest.raises(ValueError, match="expected rows of mean_shape, got sphere"):
        comparison_table({}, baselines[baselines["ablation"] == "sphere"], samples=10, seed=0)
    with pytest.raises(ValueError, match="ablation base: expected rows"):
        comparison_table({"base": results("base", 0.1).iloc[:0]}, baselines, samples=10, seed=0)


def line_of(name, text):
    """What is said of an ablation."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"- `{name}`")]
    return line


def test_the_words_say_who_beats_what_in_the_end(table):
    lead, _, *lines = verdict(table).splitlines()
    assert "by `triplane` (coarse)" in lead
    assert "`base` and `triplane` beat `mean_shape` (0.0" in lead
    assert [line.split("`")[1] for line in lines if line.startswith("- `")] == ["base", "triplane", "luck"]
    triplane, base = line_of("triplane", verdict(table)), line_of("base", verdict(table))
    assert "`triplane` (coarse) beats `mean_shape` in this one run by 0.0" in triplane
    assert "It beats `base` in this one run by 0.0" in triplane
    assert "`base` (refined) beats `mean_shape` in these two runs by 0.0" in base
    assert "base` by" not in base


def test_the_words_say_who_has_learned_nothing(baselines):
    tables = {"base": results("base", 0.05, seed=4), "lost": results("lost", 0.11, seed=6)}
    text = verdict(comparison_table(tables, baselines, samples=500, seed=0))
    assert "does not beat `mean_shape`" in line_of("lost", text)
    assert "it has learned nothing about the instance" in line_of("lost", text)
    assert "It is worse than `base` in this one run by" in line_of("lost", text)
    assert "learned" not in line_of("base", text)
    alone = verdict(comparison_table({"lost": tables["lost"]}, baselines, samples=500, seed=0))
    assert "None beats `mean_shape` (0.0" in alone.splitlines()[0]


def test_the_words_count_the_runs_of_the_side_that_has_fewer(baselines):
    tables = {"base": results("base", 0.05, seeds=2, seed=4), "triplane": results("triplane", 0.04, seeds=3, seed=5)}
    line = line_of("triplane", verdict(comparison_table(tables, baselines, samples=500, seed=0)))
    assert "beats `mean_shape` by 0.0" in line
    assert "It beats `base` in these two runs by 0.0" in line


def test_a_lead_within_chance_is_not_sold_as_a_win(table):
    table = table.copy()
    table.loc[("luck", "coarse"), "difference_to_mean_shape"] = -0.0001
    assert "but not beyond chance" in line_of("luck", verdict(table))
    assert "luck" not in verdict(table).splitlines()[0]


def test_the_table_is_whole_and_marks_the_best(table):
    text = comparison_markdown(table, {"code": "0.1.0", "perceptual": "untrained"})
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(table)
    assert len({line.count("|") for line in rows}) == 1
    marked = [line for line in rows if f"**{table['mean'].min():.4f}**" in line]
    assert len(marked) == 1
    assert marked[0].startswith("| `triplane` | coarse |")
    assert "metric is undefined" in text
    assert "- perceptual: untrained" in text
    assert "nan" not in text


@pytest.mark.parametrize(("refined_chamfer", "warns"), [(0.03, False), (0.07, True)])
def test_what_refinement_does_is_said(baselines, refined_chamfer, warns):
    stages = [
        results("base", 0.05, seed=4, mask_iou=0.6),
        results("base", refined_chamfer, stages=("refined",), seed=4, mask_iou=0.7),
    ]
    other = [results("se3", 0.05, seed=4, mask_iou=0.6), results("se3", 0.04, stages=("refined",), mask_iou=0.8)]
    tables = {"base": pd.concat(stages, ignore_index=True), "se3": pd.concat(other, ignore_index=True)}
    table = comparison_table(tables, baselines, samples=10, seed=0)
    (line,) = [line for line in comparison_markdown(table, {}).splitlines() if line.startswith("- Refinement")]
    assert "changes the mask error by -50% to -25% and `chamfer` by -0.0" in line
    assert ("makes the shapes of `base` worse" in line) == warns
