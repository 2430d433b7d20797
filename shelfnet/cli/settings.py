"""Settings of a prediction: the model's own are in its checkpoint, those of meshes in the configuration."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shelfnet.cli.errors import UsageError
from shelfnet.config.images import SegmenterSettings
from shelfnet.config.load import UNTRAINED, ConfigError, for_ablation, load_config
from shelfnet.config.meshes import ReconstructSettings, RefineSettings, Texture
from shelfnet.config.schema import Config

log = logging.getLogger(__name__)

DEFAULT = Path("config.yaml")
"""Read where it lies in the working directory, below what the command line names."""


def prediction_settings(paths: Sequence[Path], ablation: str) -> Config:
    """The tree that a model of an ablation is used with; a log line says what it was read from.

    Args:
        paths: YAML files, each laid over those before it, and all over :data:`DEFAULT`, as the workflow lays its
            ``--configfile``; over the schema's own values, which are the paper's, where that is not there.
        ablation: of the model; its overrides apply where the files have them.

    Raises:
        UsageError: the files cannot be used.
    """
    files = [DEFAULT, *paths] if DEFAULT.is_file() else list(paths)
    try:
        config = load_config(*files)
        known = ablation in {*config.ablations, UNTRAINED}
        settings = for_ablation(config, ablation) if known else config
    except ConfigError as error:
        raise UsageError(str(error)) from error
    read_from = ", then ".join(map(str, files)) or f"the schema's defaults, for there is no {DEFAULT} here"
    log.info("settings of %s from %s", ablation if known else f"no ablation (none is called {ablation})", read_from)
    return settings


def mesh_settings(
    config: Config, *, refined: bool, texture: Texture | None
) -> tuple[ReconstructSettings, RefineSettings | None]:
    """Settings of the coarse mesh, and of the refinement where there is to be one.

    Args:
        config: the tree.
        refined: whether the mesh is refined.
        texture: of the mesh that is written; ``None`` for what the tree says.
    """
    colours = {} if texture is None else {"texture": texture}
    if refined:
        return config.reconstruct, config.refine.model_copy(update=colours)
    return config.reconstruct.model_copy(update=colours), None


def override_segmenter(configured: SegmenterSettings, overrides: Mapping[str, Any]) -> SegmenterSettings:
    """The segmenter's settings with those that the command line gives; ``None`` stands for not given.

    Raises:
        UsageError: they do not go together, or name an unknown category.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return SegmenterSettings.model_validate(configured.model_dump() | given)
    except ValidationError as error:
        raise UsageError(f"segmenter: {'; '.join(fault['msg'] for fault in error.errors())}") from error
