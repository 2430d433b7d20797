from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfnet.data.catalogue.splits import sampling_order, shard_of, split_of
from shelfnet.data.seeding import unit_hash

IDS = [f"model-{index}" for index in range(4000)]


def test_hash_is_pinned():
    """Splits must be equal on every machine and in every version, so that results stay comparable."""
    assert unit_hash("a", "salt") == pytest.approx(0.6377678939, abs=1e-9)
    assert "".join(split_of(f"model-{index}", 0.3, 0.3, seed=0)[0] for index in range(12)) == "tttvtvvttvtt"


def test_fractions():
    counts = Counter(split_of(model_id, 0.1, 0.3, seed=0) for model_id in IDS)
    assert counts["validation"] / len(IDS) == pytest.approx(0.1, abs=0.02)
    assert counts["test"] / len(IDS) == pytest.approx(0.3, abs=0.03)


def test_seed_changes_partition():
    first, second = ([split_of(model_id, 0.2, 0.2, seed) for model_id in IDS[:100]] for seed in (0, 1))
    assert first != second


@given(st.text(max_size=20), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_growing_fraction_keeps_members(model_id, smaller, larger):
    smaller, larger = sorted((smaller, larger))
    if split_of(model_id, smaller, 0.0, seed=3) == "validation":
        assert split_of(model_id, larger, 0.0, seed=3) == "validation"


def test_zero_fractions_train_on_all():
    assert {split_of(model_id, 0.0, 0.0, seed=0) for model_id in IDS[:200]} == {"train"}


def test_order_stable_when_models_added():
    few, many = sampling_order(IDS[:50], 0), sampling_order(IDS[:500], 0)
    assert [model_id for model_id in many if model_id in set(few)] == few
    assert few != sorted(few)


def test_order_independent_of_split():
    first = sampling_order(IDS, 0)[:1000]
    share = sum(split_of(model_id, 0.2, 0.2, 0) == "validation" for model_id in first) / len(first)
    assert share == pytest.approx(0.2, abs=0.05)


def test_shards_even():
    counts = Counter(shard_of(rank, 3) for rank in range(10))
    assert sorted(counts.values()) == [3, 3, 4]
