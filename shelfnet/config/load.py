"""YAML and overrides to a validated tree; named ablations to the tree they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shelfnet.config.schema import Config

UNTRAINED = "untrained"
"""A trivial row: the networks of ``base`` as they are before the first step."""

RESULT_FOLDERS = frozenset(
    (
        "baselines",
        "benchmarks",
        "catalogue",
        "clip_model",
        "dataset",
        "figures",
        "journal",
        "logs",
        "mlartifacts",
        "renders",
        "surfaces",
    )
)
"""Names in ``results`` that an ablation's folder would collide with."""


OVERRIDABLE = ("clip", "perceptual", "model", "losses", "train", "reconstruct", "refine", "seeds")
"""What an ablation may change: what its network is, how it learns and how its meshes are made."""

SHARED_KEYS = {"clip": ("training",), "reconstruct": ("views_per_model",)}
"""What an ablation may not change of these: there is one small CLIP, and all are measured on the same views."""


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key."""


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay nested ``overrides`` on ``base``; mappings merge, everything else replaces."""
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def validate(tree: Mapping[str, Any]) -> Config:
    """Validate a raw tree and every ablation in it.

    Raises:
        ConfigError: one line a fault, each naming its key.
    """
    config = _parse(Config, tree, "")
    for name in config.ablations:
        _check_name(name)
        for_ablation(config, name)
    return config


def load_config(*paths: Path) -> Config:
    """Read YAML files, later ones overlaid on earlier ones, and validate the result.

    Raises:
        ConfigError: a file cannot be read, is no mapping, or names an unknown key.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        try:
            loaded = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: {error}") from error
        if not isinstance(loaded, Mapping):
            raise ConfigError(f"{path}: expected a mapping of settings, got {type(loaded).__name__}")
        tree = merge(tree, loaded)
    return validate(tree)


def for_ablation(config: Config, name: str) -> Config:
    """The tree an ablation stands for: ``config`` with that ablation's overrides.

    ``untrained`` is ``base`` (or the first ablation, where there is no ``base``) with zero iterations.

    Raises:
        ConfigError: no such ablation, or an override that the tree refuses.
    """
    if name == UNTRAINED and UNTRAINED not in config.ablations:
        reference = for_ablation(config, "base" if "base" in config.ablations else next(iter(config.ablations)))
        return reference.model_copy(update={"train": reference.train.model_copy(update={"iterations": 0})})
    if name not in config.ablations:
        raise ConfigError(f"ablations: no ablation is named {name!r}; known are {', '.join(sorted(config.ablations))}")
    _check_overrides(config.ablations[name], f"ablations.{name}.")
    tree = merge(config.model_dump(mode="json"), config.ablations[name])
    return _parse(Config, tree, f"ablations.{name}.")


def settings_json(*sections: BaseModel) -> str:
    """Sections as one canonical JSON string: a rule's params, so that only what a rule reads reruns it."""
    return json.dumps([section.model_dump(mode="json") for section in sections], sort_keys=True)


def _check_name(name: str) -> None:
    if name in RESULT_FOLDERS or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ConfigError(
            f"ablations.{name}: a name is of letters, digits, _ and -, and none of the folders of results"
        )


def _check_overrides(overrides: Mapping[str, Any], prefix: str) -> None:
    """Refuse what an ablation cannot override, and sections that are none.

    Raises:
        ConfigError: names the first such key.
    """
    for name, section in overrides.items():
        if name not in Config.model_fields:
            raise ConfigError(f"{prefix}{name}: no such setting")
        if name not in OVERRIDABLE:
            raise ConfigError(
                f"{prefix}{name}: an ablation can change {', '.join(OVERRIDABLE)}, and not what all share"
            )
        if name == "seeds":
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(f"{prefix}{name}: expected a mapping of settings, got {section!r}")
        for key in SHARED_KEYS.get(name, ()):
            if key in section:
                raise ConfigError(f"{prefix}{name}.{key}: an ablation cannot change what all share")


def _parse(model: type[Config], tree: Mapping[str, Any], prefix: str) -> Config:
    try:
        return model.model_validate(dict(tree))
    except ValidationError as error:
        faults = [
            f"{prefix}{'.'.join(str(part) for part in fault['loc'])}: {_explain(fault)}" for fault in error.errors()
        ]
        raise ConfigError("config: " + "\n        ".join(faults)) from None


def _explain(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "no such setting"
    if fault["type"] == "value_error":  # of a validator of ours, whose message says what it got
        return fault["msg"].removeprefix("Value error, ")
    return f"{fault['msg']} (got {fault['input']!r})"
