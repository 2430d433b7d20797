import pytest

from shelfnet.data.seeding import named_generator


def test_generator_depends_on_seed_and_name():
    draws = {key: named_generator(*key).random() for key in [(0, "a"), (0, "b"), (1, "a"), (-1, "a")]}
    assert len(set(draws.values())) == 4
    assert named_generator(0, "a").random() == draws[0, "a"]


def test_draws_are_pinned():
    assert named_generator(7, "chair").integers(0, 1000, 3).tolist() == [800, 24, 705]


def test_undecodable_name():
    assert named_generator(0, b"\xff".decode("utf-8", "surrogateescape")).random() != pytest.approx(0)
