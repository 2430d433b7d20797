"""Colours by which MLflow's charts tell runs apart; left to itself it gives several runs the same one."""

from collections import Counter
from collections.abc import Iterable

from shelfnet.palette import OKABE_ITO

COLOUR_TAG = "mlflow.runColor"
RUN_COLOURS = (*OKABE_ITO, "#882255", "#999933", "#332288", "#AA4466", "#44AA99")
"""The palette of the report's figures, then darker colours of Tol's."""


def least_used(taken: Iterable[str | None]) -> str:
    """The first of the colours that the fewest runs have.

    Args:
        taken: colours of the runs that there are; other people's colours and none do not count.
    """
    uses = Counter(taken)
    return min(RUN_COLOURS, key=lambda colour: uses[colour])
