import numpy as np

from shelfnet.evaluation.view_errors import azimuth_error_deg, elevation_error_deg


def test_view_errors_wrap_and_follow_the_alignment():
    predicted, true = np.array([170.0, -10.0]), np.array([-170.0, 20.0])
    np.testing.assert_allclose(azimuth_error_deg(predicted, true, 0.0), [20.0, 30.0])
    np.testing.assert_allclose(azimuth_error_deg(predicted, true, 20.0), [0.0, 10.0])
    np.testing.assert_allclose(elevation_error_deg(np.array([5.0, -5.0]), np.array([20.0, 20.0])), [15.0, 25.0])
