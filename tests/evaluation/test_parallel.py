import threading

import pytest

from shelfnet.evaluation.parallel import rows_in_parallel


def test_rows_keep_the_order_of_their_objects():
    later = threading.Event()

    def score(name):
        # The first object ends only after the second one has begun.
        assert later.wait(10.0) if name == "a" else later.set() is None
        yield from ({"name": name, "view": view} for view in range(2))

    rows = rows_in_parallel(score, ["a", "b"], threads=2)
    assert list(zip(rows["name"], rows["view"], strict=True)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_an_object_that_fails_stops_the_table():
    with pytest.raises(ZeroDivisionError):
        rows_in_parallel(lambda value: [{"inverse": 1 / value}], [1, 0], threads=2)
