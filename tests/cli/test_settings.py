"""Settings of a prediction."""

import logging

import pytest

from shelfnet.cli.errors import UsageError
from shelfnet.cli.settings import mesh_settings, override_segmenter, prediction_settings
from shelfnet.config.images import SegmenterSettings
from shelfnet.config.schema import Config


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, text):
    path.write_text(text)
    return path


def test_embedded_default_without_files(caplog):
    caplog.set_level(logging.INFO, "shelfnet")
    assert prediction_settings([], "base").reconstruct == Config().reconstruct
    assert "the embedded default" in caplog.text


def test_config_option_overrides_config_yaml(place, caplog):
    caplog.set_level(logging.INFO, "shelfnet")
    write(place / "config.yaml", "reconstruct: {resolution: 40, level: 0.2}")
    assert prediction_settings([], "base").reconstruct.resolution == 40
    named = write(place / "mine.yaml", "reconstruct: {level: 0.3}")
    chosen = prediction_settings([named], "other").reconstruct
    assert (chosen.resolution, chosen.level) == (40, 0.3)
    assert caplog.messages[0].endswith("base from config.yaml")
    assert "(other is not configured)" in caplog.messages[1]
    assert caplog.messages[1].endswith(f"from config.yaml, then {named}")


def test_later_files_override_earlier_ones(place):
    first = write(place / "first.yaml", "reconstruct: {resolution: 40, level: 0.3}")
    second = write(place / "second.yaml", "reconstruct: {resolution: 50}")
    chosen = prediction_settings([first, second], "base").reconstruct
    assert (chosen.resolution, chosen.level) == (50, 0.3)


def test_ablation_overrides_apply_if_configured(place):
    path = write(place / "a.yaml", "ablations: {base: {}, fine: {reconstruct: {resolution: 100}}}")
    assert prediction_settings([path], "fine").reconstruct.resolution == 100
    for other in ("base", "unheard_of", "untrained"):
        assert prediction_settings([path], other).reconstruct.resolution == Config().reconstruct.resolution


def test_misspelt_setting_is_named(place):
    path = write(place / "a.yaml", "reconstruct: {resolutoin: 40}")
    with pytest.raises(UsageError, match=r"reconstruct\.resolutoin"):
        prediction_settings([path], "base")


@pytest.mark.parametrize("texture", [None, "vertex", "atlas"])
def test_texture_applies_to_the_written_mesh(texture):
    config = Config()
    coarse, none = mesh_settings(config, refined=False, texture=texture)
    assert (coarse.texture, none) == (texture or config.reconstruct.texture, None)
    coarse, refined = mesh_settings(config, refined=True, texture=texture)
    assert (coarse, refined.texture) == (config.reconstruct, texture or config.refine.texture)


def test_options_override_configured_segmenter():
    configured = SegmenterSettings(kind="mask_rcnn", score_threshold=0.8)
    overrides = {"kind": None, "weights": "file", "path": "w.pth", "categories": ["bed"]}
    assert override_segmenter(configured, overrides) == SegmenterSettings(
        kind="mask_rcnn", weights="file", path="w.pth", categories=("bed",), score_threshold=0.8
    )
    with pytest.raises(UsageError, match="armchair"):
        override_segmenter(configured, {"categories": ["armchair"]})
