import pandas as pd

from shelfnet.report.headline import headline
from shelfnet.report.html import with_code


def row(ablation, mean, beats=False, against_base=(float("nan"),) * 3, stage="refined"):
    estimate, low, high = against_base
    return {
        "ablation": ablation,
        "stage": stage,
        "mean": mean,
        "ci_low": mean - 0.002,
        "ci_high": mean + 0.002,
        "beats_mean_shape": beats,
        "difference_to_base": estimate,
        "difference_to_base_ci_low": low,
        "difference_to_base_ci_high": high,
    }


TRIVIAL = [row("sphere", 0.116), row("random_train", 0.075), row("mean_shape", 0.06)]


def test_a_model_that_beats_the_mean_shape_is_named_with_its_gain():
    sentences = headline(pd.DataFrame([row("base", 0.03, beats=True), *TRIVIAL]))
    assert sentences[0].startswith("The most accurate model is the ablation `base` (refined)")
    assert "50 % below always answering with the mean shape (0.0600)" in sentences[0]
    assert len(sentences) == 1


def test_a_lower_mean_within_chance_is_no_win():
    sentences = headline(pd.DataFrame([row("base", 0.058), *TRIVIAL]))
    assert sentences[0].startswith("No model beats always answering with the mean shape")
    assert "learned anything" in sentences[0]


def test_losers_are_named_one_by_one():
    table = pd.DataFrame(
        [row("base", 0.05, beats=True), row("clip", 0.065), row("se3", 0.08), row("untrained", 0.079), *TRIVIAL]
    )
    assert headline(table)[1:] == [
        "Not better than the mean shape beyond chance: clip, se3.",
        "Not even better than a random training object (0.0750): se3.",
        "Not even better than the network before training (0.0790): se3.",
    ]


def test_an_untrained_network_is_never_the_best_model():
    table = pd.DataFrame([row("base", 0.08), row("untrained", 0.05, beats=True), *TRIVIAL])
    assert headline(table)[0].startswith("No model beats")


def test_differences_to_base_fall_into_three_groups():
    table = pd.DataFrame(
        [
            row("base", 0.05, beats=True),
            row("triplane", 0.04, True, (-0.01, -0.012, -0.008)),
            row("clip", 0.055, True, (0.005, 0.001, 0.009)),
            row("clip_bg", 0.051, True, (0.001, -0.002, 0.004)),
            *TRIVIAL,
        ]
    )
    assert headline(table)[1:] == [
        "Better than base beyond chance: triplane.",
        "Worse than base beyond chance: clip.",
        "Cannot be told from base: clip_bg.",
    ]


def test_the_refined_row_counts_and_the_coarse_one_where_there_is_no_other():
    table = pd.DataFrame([row("base", 0.03, True, stage="coarse"), row("base", 0.04, True), *TRIVIAL])
    assert "(refined): its Chamfer distance on unseen objects is 0.0400" in headline(table)[0]
    assert "(coarse)" in headline(table.drop(index=1))[0]


def test_names_are_shown_as_code_and_nothing_else_is_markup():
    assert with_code("the ablation `a<b` & `c`") == "the ablation <code>a&lt;b</code> &amp; <code>c</code>"
