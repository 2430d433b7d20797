import pandas as pd
import pytest

from shelfnet.report.health import AZIMUTH_SPREAD_PRIOR, LAST_LOGGED, check_health


def rows(**changes):
    table = {"stage": "refined", "status": "ok", "azimuth_error_deg": 10.0, "floater_fraction": 0.0, "mask_iou": 0.8}
    return pd.DataFrame([table | changes] * 4)


def curves(values, name="validation/chamfer"):
    return pd.DataFrame({"ablation": "base", "seed": 0, "iteration": range(len(values)), "name": name, "value": values})


def spreads(values, prior):
    own, of_prior = curves(values, "health/azimuth_spread"), curves([prior] * len(values), AZIMUTH_SPREAD_PRIOR)
    return pd.concat([own, of_prior], ignore_index=True)


def test_azimuth_spread_is_relative_to_the_prior():
    (health,) = check_health({"base": rows()}, spreads([0.1] * 6, prior=0.1))
    assert (health.training[-1], health.azimuth_spread_prior) == (pytest.approx(0.1), pytest.approx(0.1))
    assert health.warnings == ()


def test_azimuth_spread_without_prior_has_no_warning():
    (health,) = check_health({"base": rows()}, curves([0.0] * 6, "health/azimuth_spread"))
    assert health.warnings == ()


def test_health_metrics_are_averaged_at_the_end():
    (health,) = check_health({"base": rows()}, spreads([0.8, 0.8, 0.8, 0.8, 0.1], prior=1.0))
    assert health.warnings == () and health.training[-1] == pytest.approx(0.66)


def test_healthy_ablation_has_no_warning():
    (health,) = check_health({"base": rows()}, curves([0.2, 0.1]))
    assert health.warnings == ()
    assert health.validation == "0.2000 → 0.1000"
    assert health.training == (None, None, None, None) and health.azimuth_spread_prior is None


@pytest.mark.parametrize(
    ("table", "curve", "warning"),
    [
        (rows(status="empty"), curves([0.2, 0.1]), "4 predictions have no surface"),
        (rows(), curves([0.1, 0.1]), "validation did not improve"),
        (rows(azimuth_error_deg=88.0), curves([0.2, 0.1]), "close to a guess"),
        (rows(floater_fraction=0.4), curves([0.2, 0.1]), "much of the surface floats"),
        (rows(), curves([1.0, float("nan")], "loss/rgb"), "not finite"),
        (rows(), curves([0.7, *[0.999] * LAST_LOGGED], "health/discriminator_accuracy"), "tells every render"),
        (rows(), curves([0.2, *[0.001] * LAST_LOGGED], "health/mask_coverage"), "nearly empty"),
        (rows(), curves([0.2, *[0.95] * LAST_LOGGED], "health/mask_coverage"), "fill the whole image"),
        (rows(), spreads([0.8, *[0.1] * LAST_LOGGED], prior=1.0), "nearly the same"),
        (rows(), curves([0.8, *[0.0001] * LAST_LOGGED], "health/latent_deviation"), "hardly differ"),
    ],
)
def test_each_problem_has_one_warning(table, curve, warning):
    (health,) = check_health({"base": table}, curve)
    assert len(health.warnings) == 1
    assert warning in health.warnings[0]
