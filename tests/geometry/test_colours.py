import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear


@pytest.mark.parametrize(("srgb", "linear"), [(0.0, 0.0), (0.04045, 0.0031308), (0.5, 0.2140411), (1.0, 1.0)])
def test_known_values(srgb, linear):
    assert linear_from_srgb(np.array([srgb]))[0] == pytest.approx(linear, abs=1e-6)
    assert srgb_from_linear(np.array([linear]))[0] == pytest.approx(srgb, abs=1e-5)


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_round_trips(value):
    assert linear_from_srgb(srgb_from_linear(np.array([value])))[0] == pytest.approx(value, abs=1e-6)
    assert srgb_from_linear(linear_from_srgb(np.array([value])))[0] == pytest.approx(value, abs=1e-6)
