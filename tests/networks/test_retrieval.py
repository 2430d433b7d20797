import pytest

from shelfnet.networks.retrieval import Retrieval


@pytest.mark.parametrize(
    ("top1", "choices", "times_chance", "sufficient"),
    [(1.0, 32, 32.0, True), (0.15625, 32, 5.0, True), (0.15, 32, 4.8, False), (1.0, 4, 4.0, False)],
)
def test_accuracy_relative_to_chance(top1, choices, times_chance, sufficient):
    found = Retrieval(top1, choices)
    assert found.times_chance == pytest.approx(times_chance)
    assert found.sufficient is sufficient
