"""Tests of the paper's claims on tables with known effects."""

import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.claims import CLAIMS, Outcome, claims_table, growth_exponents, holm, judge_claims
from shelfnet.evaluation.claims_text import claim_sentences

OBJECTS = 24
ABLATIONS = ("base", "triplane", "clip", "triplane_clip", "se3", "clip_bg")
RUN_SD, NOISE_SD = 0.001, 0.002
"""Standard deviations between training runs, and of an object within a run."""


def table(ablation: str, generator: np.random.Generator, seeds: int, chamfer: float, floaters: float) -> pd.DataFrame:
    """Rows of an ablation: objects of shared difficulty, runs that differ, noise."""
    difficulty = np.random.default_rng(0).normal(0.0, 0.01, OBJECTS)
    rows = []
    for seed in range(seeds):
        run = generator.normal(0.0, RUN_SD)
        values = chamfer + difficulty + run + generator.normal(0.0, NOISE_SD, OBJECTS)
        rows += [
            {"ablation": ablation, "stage": "refined", "seed": seed, "model_id": f"m{i:02d}", "chamfer": value}
            | {"floater_fraction": floaters + 0.1 * (value - chamfer)}
            for i, value in enumerate(values)
        ]
    return pd.DataFrame(rows)


def tables(seed: int = 0, seeds: int = 5, **chamfer: float) -> dict[str, pd.DataFrame]:
    """All ablations at 0.04, or at the given values."""
    generator = np.random.default_rng(seed)
    floaters = {"clip": 0.2}
    return {
        name: table(name, generator, seeds, chamfer.get(name, 0.04), floaters.get(name, 0.02)) for name in ABLATIONS
    }


def outcomes(made: dict[str, pd.DataFrame]) -> dict[str, Outcome]:
    return {one.claim.key: one.outcome for one in judge_claims(made, 300, 0)}


def test_claims_that_hold_are_confirmed():
    assert outcomes(tables(triplane=0.05, clip=0.05, triplane_clip=0.045)) == dict.fromkeys(
        ("a", "b", "c", "d1", "d2", "e"), Outcome.CONFIRMED
    )


def test_effects_of_the_other_sign_contradict():
    found = outcomes(tables(triplane=0.03, clip=0.03, triplane_clip=0.03, se3=0.05))
    assert {key: found[key] for key in "abce"} == dict.fromkeys("abce", Outcome.CONTRADICTED)


def test_the_interaction_is_not_the_simple_effect():
    """CLIP improves tri-planes and the base alike: no interaction."""
    assert outcomes(tables(triplane=0.05, clip=0.03, triplane_clip=0.04))["c"] is Outcome.OPEN


def test_small_studies_leave_claims_open_and_say_what_they_could_have_seen():
    (claim,) = [one for one in judge_claims(tables(seeds=2, triplane=0.0405), 300, 0) if one.claim.key == "a"]
    assert claim.outcome is Outcome.OPEN
    assert claim.detectable > max(abs(claim.effect.low - claim.effect.estimate), 0.001)
    assert f"would detect effects from {claim.detectable:.4f}" in claim_sentences([claim], {})[0]


def test_one_run_and_missing_ablations_are_not_tested():
    made = tables(seeds=1)
    del made["se3"]
    found = judge_claims(made, 300, 0)
    assert {one.outcome for one in found} == {Outcome.UNTESTED}
    assert {one.claim.key: one.runs for one in found} == {key: 0 if key == "e" else 1 for key in outcomes(made)}
    assert not any("nan" in sentence for sentence in claim_sentences(found, {}))


def test_equal_methods_are_seldom_told_apart():
    """The family of the tests of differences errs in at most 5 % of the studies, within three standard errors."""
    studies, false = 40, 0
    for study in range(studies):
        made = tables(seed=study, seeds=3)
        made["clip"] = made["clip"].assign(floater_fraction=made["base"]["floater_fraction"].to_numpy())
        found = {one.claim.key: one.outcome for one in judge_claims(made, 100, 0)}
        false += any(found[key] in (Outcome.CONFIRMED, Outcome.CONTRADICTED) for key in "abc")
    assert false / studies <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)


def test_intervals_contain_the_true_effect():
    covered = []
    for study in range(40):
        (claim,) = [one for one in judge_claims(tables(study, 3, triplane=0.043), 100, 0) if one.claim.key == "a"]
        covered.append(claim.effect.low < 0.003 < claim.effect.high)
    assert 0.85 <= np.mean(covered) <= 1.0


def test_refined_meshes_count_where_there_are_any():
    made = tables()
    coarse = made["triplane"].assign(stage="coarse", chamfer=0.5)
    made["triplane"] = pd.concat([made["triplane"], coarse])
    assert judge_claims(made, 100, 0)[0].effect.estimate < 0.1


def test_holm_matches_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_exponents_come_from_the_two_largest_sizes():
    rows = [("voxel", 8, 9), ("voxel", 16, 16**3), ("voxel", 32, 32**3), ("triplane", 16, 2), ("triplane", 32, 8)]
    memory = pd.DataFrame(rows, columns=["representation", "resolution", "field_bytes"])
    assert growth_exponents(memory) == pytest.approx({"voxel": 3.0, "triplane": 2.0})
    assert "**Confirmed**" in claim_sentences([], growth_exponents(memory))[0]
    assert "**Contradicted**" in claim_sentences([], {"voxel": 2.0, "triplane": 2.0})[0]


def test_the_table_has_a_row_per_claim():
    written = claims_table(judge_claims(tables(), 100, 0))
    assert list(written["claim"]) == [claim.key for claim in CLAIMS]
    assert written.loc[2, "contrast"] == "triplane_clip - triplane - clip + base"
