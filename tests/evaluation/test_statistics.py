import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.statistics import Scores, bootstrap_difference, bootstrap_mean, scores


def named(values):
    values = np.asarray(values, dtype=np.float64)
    return Scores(tuple(f"m{row:03d}" for row in range(len(values))), values)


def rng():
    return np.random.default_rng(0)


def test_views_are_averaged_before_objects_and_seeds():
    rows = pd.DataFrame(
        {"model_id": ["b", "a", "a", "a"], "seed": [0, 0, 0, 1], "view": [0, 0, 1, 0], "chamfer": [4.0, 1.0, 3.0, 6.0]}
    )
    found = scores(rows, "chamfer")
    assert found.model_ids == ("a", "b")
    np.testing.assert_array_equal(found.values, [[2.0, 6.0], [4.0, np.nan]])
    assert found.mean == pytest.approx(4.0)


def test_interval_of_many_objects_is_normal():
    values = np.random.default_rng(1).normal(0.1, 0.02, (400, 1))
    found = bootstrap_mean(named(values), 4_000, rng())
    half_width = 1.96 * values.std() / np.sqrt(400)
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half_width, abs=0.1 * half_width)
    assert found.high == pytest.approx(values.mean() + half_width, abs=0.1 * half_width)


def test_bootstrap_equals_naive_resampling():
    values = np.array([[1.0, 2.0, np.nan], [4.0, 8.0, 16.0], [3.0, np.nan, 5.0], [9.0, 9.0, 1.0]])
    generator, means = np.random.default_rng(5), []
    for _ in range(8_000):
        objects = values[generator.integers(4, size=4)]
        drawn = objects[:, generator.integers(3, size=3)]
        if not np.isnan(drawn).all():
            means.append(np.nanmean(objects) + np.sqrt(3 / 2) * (np.nanmean(drawn) - np.nanmean(objects)))
    found = bootstrap_mean(named(values), 8_000, rng())
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.45)


def test_variation_between_seeds_widens_the_interval():
    """A lucky run lowers all objects at once: more objects do not average it away."""
    objects = np.random.default_rng(2).normal(0.0, 0.001, (500, 1))
    found = bootstrap_mean(named(objects + np.array([[0.05, 0.10, 0.15]])), 2_000, rng())
    assert found.high - found.low > 0.06


@pytest.mark.parametrize(("between_runs", "at_most"), [(0.0005, 0.03), (0.001, 0.04), (0.002, 0.085)])
def test_two_equal_runs_per_side_rarely_differ(between_runs, at_most):
    """Unstretched draws of seeds claim a difference in 11 % of such cases at 0.002, where 5 % are meant."""
    generator = np.random.default_rng(11)
    claims = 0
    for _ in range(400):
        objects = generator.normal(0.05, 0.02, (64, 1))
        sides = [
            named(objects + generator.normal(0, between_runs, (1, 2)) + generator.normal(0, 0.008, (64, 2)))
            for _ in range(2)
        ]
        found = bootstrap_difference(*sides, 300, generator)
        claims += found.low > 0.0 or found.high < 0.0
    assert claims / 400 <= at_most


def test_pairing_removes_the_difficulty_of_objects():
    objects = np.random.default_rng(3).normal(0.1, 0.05, (50, 1))
    ours, theirs = named(objects), named(objects + 0.003 + np.random.default_rng(4).normal(0, 0.001, (50, 1)))
    found = bootstrap_difference(ours, theirs, 2_000, rng())
    assert found.estimate == pytest.approx(-0.003, abs=0.0005)
    assert found.low < found.estimate < found.high < 0.0
    assert found.high - found.low < 0.002


@pytest.mark.parametrize("exchange", [False, True])
def test_variation_between_runs_of_either_side_widens_the_difference(exchange):
    objects = np.random.default_rng(3).normal(0.1, 0.05, (50, 1))
    sides = [named(objects + np.array([[0.0, 0.05, 0.1]])), named(objects)]
    found = bootstrap_difference(*(sides[::-1] if exchange else sides), 2_000, rng())
    assert found.high - found.low > 0.06


def test_only_common_objects_are_compared():
    ours = Scores(("a", "b"), np.array([[1.0], [2.0]]))
    theirs = Scores(("b", "c"), np.array([[5.0], [100.0]]))
    assert bootstrap_difference(ours, theirs, 10, rng()).estimate == -3.0
    empty_second_run = Scores(("a", "b"), np.array([[1.0, 3.0], [2.0, np.nan]]))
    assert bootstrap_difference(empty_second_run, theirs, 10, rng()).estimate == -3.0
    with pytest.raises(ValueError):
        bootstrap_difference(ours, Scores(("x",), np.array([[1.0]])), 10, rng())


def test_difference_is_antisymmetric():
    ours, theirs = named([[1.0], [2.0], [5.0]]), named([[2.0], [4.0], [4.0]])
    there, back = bootstrap_difference(ours, theirs, 500, rng()), bootstrap_difference(theirs, ours, 500, rng())
    assert (there.estimate, there.low, there.high) == pytest.approx((-back.estimate, -back.high, -back.low))


def test_interval_of_one_object_and_seed_has_no_width():
    found = bootstrap_mean(named([[0.25]]), 100, rng())
    assert (found.estimate, found.low, found.high) == (0.25, 0.25, 0.25)


def test_bootstrap_depends_on_the_generator():
    values = named(np.random.default_rng(1).normal(size=(10, 2)))
    assert bootstrap_mean(values, 100, rng()) == bootstrap_mean(values, 100, rng())
    assert bootstrap_mean(values, 100, rng()) != bootstrap_mean(values, 100, np.random.default_rng(9))


@pytest.mark.parametrize("values", [np.zeros((0, 1)), [[1.0, np.nan]], [[np.nan], [1.0]]])
def test_object_or_seed_without_scores_raises(values):
    with pytest.raises(ValueError):
        named(values)
