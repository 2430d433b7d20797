"""config.yaml and the presets say everything the schema knows, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from shelfnet.config.load import for_ablation, load_config
from shelfnet.config.schema import Config

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "config.yaml"
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


def keys_of_schema(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of_schema(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def keys_of_tree(tree: dict[str, Any], schema_keys: set[str], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and prefix + name not in schema_keys:
            yield from keys_of_tree(value, schema_keys, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_config_yaml_names_every_setting_of_the_schema_and_no_other():
    expected = set(keys_of_schema(Config))
    assert set(keys_of_tree(yaml.safe_load(DEFAULT.read_text()), expected)) == expected


def test_every_section_of_config_yaml_stands_under_a_comment():
    lines = DEFAULT.read_text().splitlines()
    sections = [number for number, line in enumerate(lines) if line and line[0].isalpha()]
    assert [lines[number] for number in sections if not lines[number - 1].startswith("#")] == []


def test_default_is_the_embedded_one():
    config = load_config(DEFAULT)
    assert (config.dataset.kind, config.train.device, config.clip.source) == ("showroom", "cpu", "trained")
    assert set(config.ablations) == {"base", "triplane", "clip", "triplane_clip", "se3", "clip_bg", "best"}


@pytest.mark.parametrize(
    ("ablation", "representation", "clip_weighs"),
    [
        ("base", "voxel", False),
        ("triplane", "triplane", False),
        ("clip", "voxel", True),
        ("triplane_clip", "triplane", True),
        ("se3", "se3", False),
        ("clip_bg", "voxel", True),
        ("best", "voxel", False),
        ("untrained", "voxel", False),
    ],
)
def test_ablations_are_what_they_are_called(ablation: str, representation: str, clip_weighs: bool):
    tree = for_ablation(load_config(DEFAULT), ablation)
    assert tree.model.decoder.representation == representation
    assert (tree.losses.clip > 0) == clip_weighs
    assert ("white" in tree.clip.backgrounds) == (ablation != "clip_bg")
    assert (tree.train.iterations == 0) == (ablation == "untrained")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_presets_overlay_the_default(preset: Path):
    config = load_config(DEFAULT, preset)
    assert set(config.ablations) == set(load_config(DEFAULT).ablations)


def test_paper_preset_is_the_schemas_defaults():
    config, defaults = load_config(DEFAULT, ROOT / "workflow" / "presets" / "paper.yaml"), Config()
    assert config.model == defaults.model
    assert config.losses == defaults.losses
    assert config.train == defaults.train
    assert config.perceptual == defaults.perceptual
    assert config.clip.source == defaults.clip.source
