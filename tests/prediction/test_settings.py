"""Settings of a prediction."""

import pytest
from run_descriptions import run_description

from shelfnet.config.load import ConfigError
from shelfnet.config.schema import Config
from shelfnet.prediction import predictor
from shelfnet.prediction.predictor import prediction_settings

TRAINED = run_description(
    ablation="fine", reconstruct={"level": 0.35, "texture_px": 512}, refine={"iterations": 7, "max_faces": 2_000}
)


def test_settings_are_those_of_the_checkpoint():
    settings = prediction_settings(TRAINED, {})
    assert settings.reconstruct == TRAINED.reconstruct
    assert settings.refine == TRAINED.refine
    assert settings.images == Config().dataset.images


def test_default_ablations_do_not_override_the_checkpoint(monkeypatch):
    defaults = Config(ablations={"base": {}, "fine": {"reconstruct": {"level": 0.7}}})
    monkeypatch.setattr(predictor, "Config", lambda: defaults)
    assert prediction_settings(TRAINED, {}).reconstruct.level == 0.35


def test_overrides_replace_only_what_they_name():
    overrides = {"reconstruct": {"level": 0.6}, "refine": {"weights": {"mask": 1.0}}}
    settings = prediction_settings(TRAINED, overrides | {"dataset": {"images": {"min_object_px": 9}}})
    assert (settings.reconstruct.level, settings.reconstruct.texture_px) == (0.6, 512)
    assert (settings.refine.weights.mask, settings.refine.weights.rgb, settings.refine.iterations) == (1.0, 10.0, 7)
    assert settings.images.min_object_px == 9


@pytest.mark.parametrize(("ablation", "level"), [("fine", 0.7), ("other", 0.6)])
def test_overrides_of_the_own_ablation_apply_last(ablation, level):
    overrides = {"reconstruct": {"level": 0.6}, "ablations": {ablation: {"reconstruct": {"level": 0.7}}}}
    assert prediction_settings(TRAINED, overrides).reconstruct.level == level


def test_misspelt_override_is_named():
    with pytest.raises(ConfigError, match=r"reconstruct\.resolutoin"):
        prediction_settings(TRAINED, {"reconstruct": {"resolutoin": 40}})
    with pytest.raises(ConfigError, match="armchair"):
        prediction_settings(TRAINED, {"dataset": {"images": {"segmenter": {"categories": ["armchair"]}}}})
