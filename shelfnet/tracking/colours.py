"""Colours by which MLflow's charts tell runs apart; left to itself it gives several runs the same one."""

from collections import Counter
from collections.abc import Iterable

COLOUR_TAG = "mlflow.runColor"
RUN_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#4D4D4D",
    "#882255",
    "#999933",
    "#332288",
    "#AA4466",
    "#44AA99",
)
"""Okabe and Ito's palette as in the report's figures, then darker colours of Tol's."""


def least_used(taken: Iterable[str | None]) -> str:
    """The first of the colours that the fewest runs have.

    Args:
        taken: colours of the runs that there are; other people's colours and none do not count.
    """
    uses = Counter(taken)
    return min(RUN_COLOURS, key=lambda colour: uses[colour])
