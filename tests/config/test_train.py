"""Settings of training that go together."""

import pytest

from shelfnet.config.load import ConfigError, for_ablation, validate
from shelfnet.config.train import TrainSettings


@pytest.mark.parametrize(("shared", "ramp"), [(60, 41), (101, 0), (0, 101)])
def test_a_run_that_ends_before_its_latent_is_whole_is_refused(shared, ramp):
    said = rf"train.shared_shape_iterations \({shared}\).*latent_ramp_iterations \({ramp}\).*train.iterations \(100\)"
    with pytest.raises(ConfigError, match=said):
        validate({"train": {"iterations": 100, "shared_shape_iterations": shared, "latent_ramp_iterations": ramp}})


def test_an_ablation_whose_latent_is_not_whole_in_the_end_is_named():
    with pytest.raises(ConfigError, match=r"ablations\.slow\.train: .*latent_ramp_iterations \(7\)"):
        validate({"train": {"iterations": 6}, "ablations": {"slow": {"train": {"latent_ramp_iterations": 7}}}})


def test_a_ramp_may_take_the_whole_run_and_no_run_needs_none():
    assert TrainSettings(iterations=100, shared_shape_iterations=60, latent_ramp_iterations=40)
    config = validate({"train": {"shared_shape_iterations": 60}})
    assert for_ablation(config, "untrained").train.iterations == 0
    assert TrainSettings(iterations=0, shared_shape_iterations=60, latent_ramp_iterations=40)
