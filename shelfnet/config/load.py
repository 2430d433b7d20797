"""Configuration from YAML files and overlays, and the settings of each ablation."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shelfnet.config.ablations import OVERRIDABLE, SHARED_KEYS
from shelfnet.config.schema import Config
from shelfnet.file_tree import reading_fault

UNTRAINED = "untrained"
"""Trivial row: the networks of ``base`` before the first step."""

# fmt: off
RESULT_FOLDERS = frozenset((
    "baselines", "benchmarks", "catalogue", "clip_model", "dataset", "figures", "journal", "logs", "mlartifacts",
    "renders", "surfaces", "views", "warm_starts",
))
# fmt: on
"""Folders in ``results`` whose names no ablation can have."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key."""


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay nested ``overrides`` on ``base``; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def validate(tree: Mapping[str, Any]) -> Config:
    """Validate a raw tree and every ablation in it.

    Raises:
        ConfigError: Invalid settings, one line per fault with its key.
    """
    config = _parse(tree, "")
    for name in config.ablations:
        if name in RESULT_FOLDERS or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ConfigError(
                f"ablations.{name}: expected a name of letters, digits, _ and - that is no folder of results "
                f"({', '.join(sorted(RESULT_FOLDERS))})"
            )
        for_ablation(config, name)
    return config


def read_overlays(*paths: Path) -> dict[str, Any]:
    """Read YAML files as one raw tree, later files overlaid on earlier ones.

    Raises:
        ConfigError: A file that cannot be read or is not a mapping.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        fault = reading_fault(path, "no such file")
        if fault is not None:
            raise ConfigError(f"{path}: {fault}")
        try:
            loaded = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: {error}") from error
        if not isinstance(loaded, Mapping):
            raise ConfigError(f"{path}: expected a mapping of settings, got {type(loaded).__name__}")
        tree = merge(tree, loaded)
    return tree


def load_config(*paths: Path) -> Config:
    """Read and validate YAML files, later files overlaid on earlier ones.

    Raises:
        ConfigError: Unreadable files or invalid settings.
    """
    return validate(read_overlays(*paths))


def for_ablation(config: Config, name: str) -> Config:
    """The settings of an ablation: ``config`` with its overrides.

    ``untrained`` is ``base`` (the first ablation if there is no ``base``) with zero iterations.

    Raises:
        ConfigError: Unknown ablation or invalid override.
    """
    if name == UNTRAINED and UNTRAINED not in config.ablations:
        reference = for_ablation(config, "base" if "base" in config.ablations else next(iter(config.ablations)))
        return reference.model_copy(update={"train": reference.train.model_copy(update={"iterations": 0})})
    if name not in config.ablations:
        known = ", ".join(sorted(config.ablations))
        raise ConfigError(
            f"ablations.{name}: no such ablation; known are {known}{_did_you_mean(name, config.ablations)}"
        )
    _check_overrides(config.ablations[name], f"ablations.{name}.")
    tree = merge(config.model_dump(mode="json"), config.ablations[name])
    return _parse(tree, f"ablations.{name}.")


def settings_json(*sections: BaseModel) -> str:
    """Sections as one canonical JSON string, for the params of a rule: only these sections rerun it."""
    return json.dumps([section.model_dump(mode="json") for section in sections], sort_keys=True)


def _check_overrides(overrides: Mapping[str, Any], prefix: str) -> None:
    """Refuse unknown sections, and keys that all ablations share.

    Raises:
        ConfigError: The first such key.
    """
    for name, section in overrides.items():
        if name not in Config.model_fields:
            raise ConfigError(f"{prefix}{name}: no such setting{_did_you_mean(name, OVERRIDABLE, prefix)}")
        if name not in OVERRIDABLE:
            raise ConfigError(
                f"{prefix}{name}: shared by all ablations; an ablation can change {', '.join(OVERRIDABLE)}"
            )
        if name == "seeds":
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(f"{prefix}{name}: expected a mapping of settings, got {section!r}")
        for key in SHARED_KEYS.get(name, ()):
            if key in section:
                raise ConfigError(f"{prefix}{name}.{key}: shared by all ablations")


def _parse(tree: Mapping[str, Any], prefix: str) -> Config:
    try:
        return Config.model_validate(dict(tree))
    except ValidationError as error:
        faults = [_explain(fault, prefix) for fault in error.errors()]
        raise ConfigError("config: " + "\n        ".join(faults)) from None


def _explain(fault: Mapping[str, Any], prefix: str) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{prefix}{key}: no such setting{_closest_setting(key, prefix)}"
    if fault["type"] == "value_error":  # from a validator of ours, whose message has the value
        return f"{prefix}{key}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{prefix}{key}: {fault['msg']} (got {fault['input']!r})"


def _closest_setting(key: str, prefix: str) -> str:
    """Hint at the setting with a similar name in the same section, or with the same name in another section."""
    section, _, name = key.rpartition(".")
    known = list(_setting_names(Config))
    siblings = [path.rpartition(".")[2] for path in known if path.rpartition(".")[0] == section]
    elsewhere = [path for path in known if path.endswith(f".{name}")]
    hint = _did_you_mean(name, siblings, f"{prefix}{section}." if section else prefix)
    return hint or (f"; did you mean {prefix}{min(elsewhere, key=len)}?" if elsewhere else "")


def _did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    closest = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix}{closest[0]}?" if closest else ""


def _setting_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings and sections below ``section``."""
    for name, field in section.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _setting_names(field.annotation, f"{prefix}{name}.")
