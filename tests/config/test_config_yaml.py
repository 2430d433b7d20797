"""config.yaml, its JSON schema and the presets agree with the settings' models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import generate_config
import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from shelfnet.config.ablations import DESCRIPTIONS, default_ablations
from shelfnet.config.load import for_ablation, load_config
from shelfnet.config.schema import Config

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "config.yaml"
SCHEMA = ROOT / "config.schema.json"
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


def settings(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Dotted names of all settings, with their descriptions."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.description


def test_every_setting_has_a_description():
    assert [name for name, description in settings(Config) if not description] == []


def test_files_are_those_that_the_schema_generates():
    assert DEFAULT.read_text(encoding="utf-8") == generate_config.config_yaml(), "run tools/generate_config.py"
    assert SCHEMA.read_text(encoding="utf-8") == generate_config.config_schema(), "run tools/generate_config.py"


def test_schema_defaults_are_the_embedded_default():
    config = load_config(DEFAULT)
    assert config == Config()
    assert list(config.ablations) == list(default_ablations()) == list(DESCRIPTIONS)


def test_config_yaml_names_every_setting():
    tree = yaml.safe_load(DEFAULT.read_text())
    assert json.dumps(tree) == json.dumps(Config().model_dump(mode="json"))


@pytest.mark.parametrize("path", [DEFAULT, *PRESETS], ids=lambda path: path.stem)
def test_editors_find_the_schema_of_every_file(path: Path):
    first = path.read_text().splitlines()[0]
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == SCHEMA


@pytest.mark.parametrize("path", [DEFAULT, *PRESETS], ids=lambda path: path.stem)
def test_json_schema_accepts_every_file(path: Path):
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"train": {"iteratons": 3}}, ["train"]),
        ({"train": {"iterations": -1}}, ["train", "iterations"]),
        ({"ablations": {"mine": {"losses": {"klip": 1.0}}}}, ["ablations", "mine", "losses"]),
        ({"ablations": {"mine": {"render": {"seed": 1}}}}, ["ablations", "mine"]),
        ({"ablations": {"mine": {"clip": {"training": {"seed": 1}}}}}, ["ablations", "mine", "clip"]),
        ({"ablations": {"mine": {"reconstruct": {"views_per_model": 3}}}}, ["ablations", "mine", "reconstruct"]),
    ],
)
def test_json_schema_marks_what_loading_refuses(tree: dict[str, Any], path: list[str]):
    (fault,) = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(tree)
    assert list(fault.absolute_path) == path


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
def test_ablations_override_what_their_names_say(ablation: str, representation: str, clip_weighs: bool):
    tree = for_ablation(Config(), ablation)
    assert tree.model.decoder.representation == representation
    assert (tree.losses.clip > 0) == clip_weighs
    assert ("white" in tree.clip.backgrounds) == (ablation != "clip_bg")
    assert (tree.train.iterations == 0) == (ablation == "untrained")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_presets_keep_the_ablations(preset: Path):
    assert list(load_config(DEFAULT, preset).ablations) == list(default_ablations())
