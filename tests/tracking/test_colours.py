from shelfnet.palette import OKABE_ITO
from shelfnet.tracking.colours import RUN_COLOURS


def test_runs_take_the_colours_of_the_figures_first_and_no_colour_twice():
    assert RUN_COLOURS[: len(OKABE_ITO)] == OKABE_ITO
    assert len({colour.lower() for colour in RUN_COLOURS}) == len(RUN_COLOURS) > len(OKABE_ITO)
