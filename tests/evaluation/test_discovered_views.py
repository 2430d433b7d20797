import numpy as np
import pytest

from shelfnet.evaluation.discovered_views import azimuth_errors_deg, discovery_errors


def test_rotation_of_all_views_is_no_error():
    true = np.linspace(-180.0, 170.0, 36)
    np.testing.assert_allclose(azimuth_errors_deg((true + 137.0) % 360.0, true), 0.0, atol=1e-9)


def test_errors_are_at_most_half_a_turn():
    errors = azimuth_errors_deg(np.array([0.0, 0.0, 0.0, 190.0]), np.zeros(4))
    np.testing.assert_allclose(errors, [0.0, 0.0, 0.0, 170.0])


def test_super_categories_have_frames_of_their_own():
    true = np.arange(10) * 36.0
    found = np.where(np.arange(10) < 6, true + 90.0, true - 50.0)
    found[0] += 60.0
    chairs, sofas = discovery_errors(("Chair",) * 6 + (None,) * 4, found, true)
    assert (chairs.super_category, chairs.images, chairs.median_deg) == ("Chair", 6, pytest.approx(0.0, abs=1e-9))
    assert chairs.within_30_deg == pytest.approx(5 / 6)
    assert (sofas.super_category, sofas.images, sofas.median_deg) == (None, 4, pytest.approx(0.0, abs=1e-9))
