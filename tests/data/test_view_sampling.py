import math

import numpy as np
from scipy import stats

from shelfnet.config.render import ViewPrior
from shelfnet.data.view_sampling import sample_views

PRIOR = ViewPrior(azimuth_min_deg=-180, azimuth_max_deg=180, elevation_min_deg=-5, elevation_max_deg=30)


def test_angles_are_uniform_and_independent():
    views = sample_views(PRIOR, 4000, np.random.default_rng(0))
    assert stats.kstest(views.azimuth, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.01
    low, span = math.radians(-5), math.radians(35)
    assert stats.kstest(views.elevation, stats.uniform(low, span).cdf).pvalue > 0.01
    assert abs(np.corrcoef(views.azimuth, views.elevation)[0, 1]) < 0.05


def test_camera_positions():
    views = sample_views(PRIOR, 50, np.random.default_rng(0))
    centres = views.cam2world(2.6)[:, :3, 3]
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2.6)
    np.testing.assert_allclose(np.arctan2(centres[:, 0], centres[:, 2]), views.azimuth, atol=1e-9)
    np.testing.assert_allclose(np.arcsin(centres[:, 1] / 2.6), views.elevation, atol=1e-9)
