"""Overlays, ablations, and errors that name the key."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfnet.config.load import ConfigError, for_ablation, load_config, merge, settings_json, validate
from shelfnet.config.render import RenderSettings
from shelfnet.config.schema import Config
from shelfnet.config.train import TrainSettings

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=3))
TREES = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tree.items():
        found |= leaves(value, (*path, key)) if isinstance(value, dict) else {(*path, key): value}
    return found


@given(TREES)
def test_merge_with_nothing_or_itself_changes_nothing(tree: dict[str, Any]):
    assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree


@given(TREES, TREES)
def test_merge_has_every_override(tree: dict[str, Any], overrides: dict[str, Any]):
    merged = leaves(merge(tree, overrides))
    assert leaves(overrides).items() <= merged.items()


@given(TREES, TREES)
def test_merge_keeps_other_keys(tree: dict[str, Any], overrides: dict[str, Any]):
    merged = merge(tree, overrides)
    assert {key: merged[key] for key in tree.keys() - overrides.keys()} == {
        key: tree[key] for key in tree.keys() - overrides.keys()
    }


def test_merge_replaces_lists():
    config = validate(merge({"seeds": [0, 1, 2]}, {"seeds": [5]}))
    assert config.seeds == (5,)


@pytest.mark.parametrize(
    ("tree", "key"),
    [
        ({"trian": {}}, "trian"),
        ({"train": {"iteratons": 3}}, "train.iteratons"),
        ({"train": {"iterations": "many"}}, "train.iterations"),
        ({"train": {"iterations": -1}}, "train.iterations"),
        ({"render": {"prior": {"elevation_min_deg": -95}}}, "render.prior.elevation_min_deg"),
        ({"model": {"decoder": {"feature_resolution": 17}}}, "model.decoder.feature_resolution"),
        ({"seeds": []}, "seeds"),
        ({"dataset": {"kind": "shapenet"}}, "dataset.kind"),
        ({"train": 3}, "train"),
        ({"ablations": {"mine": {"losses": {"klip": 1}}}}, "ablations.mine.losses.klip"),
        ({"ablations": {"mine": {"render": {"seed": 1}}}}, "ablations.mine.render"),
        ({"ablations": {"mine": {"resources": {"train": {"threads": 2}}}}}, "ablations.mine.resources"),
        ({"ablations": {"mine": {"figures": {"memory_resolutions": [16, 32]}}}}, "ablations.mine.figures"),
        ({"ablations": {"mine": {"evaluate": {"n_points": 300}}}}, "ablations.mine.evaluate"),
        ({"ablations": {"mine": {"ablations": {"base": {}}}}}, "ablations.mine.ablations"),
        ({"ablations": {"mine": {"clip": {"training": {"seed": 1}}}}}, "ablations.mine.clip.training"),
        ({"ablations": {"a": {"reconstruct": {"views_per_model": 3}}}}, "ablations.a.reconstruct.views_per_model"),
        ({"ablations": {"mine": {"modle": {}}}}, "ablations.mine.modle"),
        ({"ablations": {"mine": {"clip": None}}}, "ablations.mine.clip"),
        ({"ablations": {"mine": {"losses": 3}}}, "ablations.mine.losses"),
        ({"ablations": {"mine": {"seeds": []}}}, "ablations.mine.seeds"),
        ({"ablations": {"mine": None}}, "ablations.mine"),
        ({"ablations": {}}, "ablations"),
    ],
)
def test_invalid_setting_is_named(tree: dict[str, Any], key: str):
    with pytest.raises(ConfigError, match=rf"{key}: ".replace(".", r"\.")):
        validate(tree)


def test_all_faults_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        validate({"trian": {}, "train": {"iterations": "many"}})
    assert "trian: no such setting" in str(caught.value)
    assert "train.iterations" in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "meant"),
    [
        ({"trian": {}}, "train"),
        ({"train": {"iteratons": 3}}, "train.iterations"),
        ({"model": {"encoder": {"width": [1]}}}, "model.encoder.widths"),
        ({"losses": {"ema_decay": 0.5}}, "train.ema_decay"),
        ({"ablations": {"mine": {"modle": {}}}}, "ablations.mine.model"),
        ({"ablations": {"mine": {"losses": {"klip": 1}}}}, "ablations.mine.losses.clip"),
        ({"ablations": {"mine": {"encodings": {}}}}, None),
        ({"weather": 3}, None),
    ],
)
def test_misspelt_key_names_the_closest_setting(tree: dict[str, Any], meant: str | None):
    with pytest.raises(ConfigError) as caught:
        validate(tree)
    _, _, suggestion = str(caught.value).partition("did you mean ")
    assert suggestion == (f"{meant}?" if meant else "")


def test_ablation_changes_only_its_overrides():
    config = validate({"ablations": {"base": {}, "deep": {"model": {"encoder": {"latent_dim": 7}}}}})
    deep = for_ablation(config, "deep")
    assert deep.model.encoder.latent_dim == 7
    assert deep.model_dump(exclude={"model"}) == config.model_dump(exclude={"model"})
    assert for_ablation(config, "base") == config


OVERRIDABLE = {"clip", "perceptual", "model", "losses", "train", "reconstruct", "refine", "seeds"}


@pytest.mark.parametrize("section", sorted(OVERRIDABLE))
def test_ablation_can_override(section: str):
    validate({"ablations": {"mine": {section: [0] if section == "seeds" else {}}}})


@pytest.mark.parametrize("section", sorted(Config.model_fields.keys() - OVERRIDABLE))
def test_ablation_cannot_override(section: str):
    with pytest.raises(ConfigError, match=rf"ablations\.mine\.{section}: shared by all ablations"):
        validate({"ablations": {"mine": {section: {}}}})


def test_untrained_is_base_with_zero_iterations():
    config = validate({"ablations": {"other": {}, "base": {"losses": {"rgb": 3.0}}}})
    untrained = for_ablation(config, "untrained")
    assert untrained.train.iterations == 0
    assert untrained.losses.rgb == 3.0


def test_untrained_is_the_first_ablation_without_base():
    config = validate({"ablations": {"first": {"losses": {"rgb": 4.0}}, "second": {}}})
    assert for_ablation(config, "untrained").losses.rgb == 4.0


def test_unknown_ablation_is_named_with_the_known_ones():
    config = validate({"ablations": {"base": {}, "clip": {}}})
    with pytest.raises(ConfigError, match=r"ablations\.nope: .* base, clip$"):
        for_ablation(config, "nope")
    with pytest.raises(ConfigError, match=r"did you mean clip\?$"):
        for_ablation(config, "klip")


def test_later_files_override_earlier_ones(tmp_path: Path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("train: {iterations: 3000, batch_size: 4}")
    second.write_text("train: {iterations: 5000}")
    config = load_config(first, second)
    assert (config.train.iterations, config.train.batch_size) == (5000, 4)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "", "just words"])
def test_file_without_a_mapping_is_named(tmp_path: Path, text: str):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_config(path)


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_config(tmp_path / "absent.yaml")


def test_settings_json_round_trip():
    render, train = RenderSettings(fov_deg=20.0), TrainSettings(iterations=7)
    trees = json.loads(settings_json(render, train))
    assert (RenderSettings.model_validate(trees[0]), TrainSettings.model_validate(trees[1])) == (render, train)


def test_settings_json_is_canonical():
    assert settings_json(RenderSettings(seed=1, fov_deg=20.0)) == settings_json(RenderSettings(fov_deg=20.0, seed=1))
    assert settings_json(RenderSettings(seed=1)) != settings_json(RenderSettings(seed=2))


def test_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().seeds = (1,)


def test_ablation_can_have_its_own_seeds():
    config = validate({"seeds": [0], "ablations": {"base": {}, "often": {"seeds": [0, 1, 2]}}})
    assert for_ablation(config, "often").seeds == (0, 1, 2)
    assert for_ablation(config, "base").seeds == (0,)
