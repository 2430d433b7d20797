"""Images of a known shape from known views."""

import known_chair
import pytest


@pytest.fixture(scope="session")
def chair_views():
    """RGBA images of the chair, with azimuths and elevations in radians."""
    return known_chair.chair_views()
