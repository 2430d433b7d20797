"""Settings of training that depend on one another."""

import pytest

from shelfnet.config.load import ConfigError, for_ablation, validate
from shelfnet.config.train import TrainSettings


@pytest.mark.parametrize(("shared", "ramp"), [(60, 41), (101, 0), (0, 101)])
def test_ramp_beyond_the_last_iteration_is_refused(shared, ramp):
    with pytest.raises(ConfigError, match=rf"\({shared}\) .* \({ramp}\) .* \(100\)"):
        validate({"train": {"iterations": 100, "shared_shape_iterations": shared, "latent_ramp_iterations": ramp}})


def test_ablation_with_a_ramp_beyond_the_last_iteration_is_named():
    with pytest.raises(ConfigError, match=r"ablations\.slow\.train: .*latent_ramp_iterations"):
        validate({"train": {"iterations": 6}, "ablations": {"slow": {"train": {"latent_ramp_iterations": 7}}}})


def test_ramp_may_take_the_whole_run_or_a_run_of_zero_iterations():
    assert TrainSettings(iterations=100, shared_shape_iterations=60, latent_ramp_iterations=40)
    config = validate({"train": {"shared_shape_iterations": 60}})
    assert for_ablation(config, "untrained").train.iterations == 0
    assert TrainSettings(iterations=0, shared_shape_iterations=60, latent_ramp_iterations=40)
