import numpy as np
import pytest

from shelfnet.preview.primitives import linear_from_srgb


@pytest.mark.parametrize(("srgb", "linear"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.21404), (0.04, 0.0030960)])
def test_the_srgb_curve(srgb, linear):
    assert linear_from_srgb(np.array([srgb]))[0] == pytest.approx(linear, rel=1e-4)


def test_the_curve_has_no_step():
    values = linear_from_srgb(np.linspace(0, 1, 10_001))
    assert (np.diff(values) > 0).all() and np.diff(values).max() < 3e-4
