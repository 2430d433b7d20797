"""The rows that figures of the test Chamfer distance compare."""

import pandas as pd
from matplotlib.figure import Figure

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.results import Tables, last_stage
from shelfnet.report.figures.style import show_message


def compared_rows(fig: Figure, tables: Tables) -> dict[str, pd.DataFrame]:
    """Rows of the last stage by ablation; if there is nothing to compare, none, and the figure says why.

    ``untrained`` is left out: it is so far off that it would press the others together.

    Args:
        fig: Empty figure.
        tables: Rows of ``chamfer.csv`` by ablation.
    """
    last = {name: last_stage(table) for name, table in tables.items() if len(table) and name != UNTRAINED}
    if not last:
        show_message(fig, "no test view was evaluated")
    elif all(rows["chamfer"].isna().all() for rows in last.values()):
        show_message(fig, "there are no true shapes to measure a distance to")
        return {}
    return last
