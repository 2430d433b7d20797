"""Objects measured beside one another: searches and array sums, where the time goes, let go of the interpreter."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pandas as pd

Item = TypeVar("Item")
Row = dict[str, Any]


def rows_in_parallel(score: Callable[[Item], Iterable[Row]], objects: Sequence[Item], threads: int) -> pd.DataFrame:
    """The rows of all objects, in the order of the objects whatever ``threads`` is.

    Args:
        score: from an object to its rows; must not draw from a generator that objects share.
        objects: what is scored.
        threads: objects in work at the same time.
    """
    with ThreadPoolExecutor(threads) as pool:
        return pd.DataFrame([row for rows in pool.map(lambda one: list(score(one)), objects) for row in rows])
