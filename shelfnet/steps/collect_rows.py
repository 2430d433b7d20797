"""Join the results of all seeds of an ablation."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from shelfnet.evaluation.results import ResultsError, read_results, write_results


def collect_rows(inputs: Sequence[Path], output: Path) -> None:
    """Join the rows of all seeds of an ablation into one table.

    Raises:
        ResultsError: There are no inputs, one is damaged, or a row occurs twice.
    """
    if not inputs:
        raise ResultsError(f"{output}: expected at least one table of results, got none")
    write_results(pd.concat([read_results(path) for path in inputs], ignore_index=True), output)
