"""Settings of a prediction from configuration files and the command line."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shelfnet.cli.errors import UsageError
from shelfnet.config.images import SegmenterSettings
from shelfnet.config.load import UNTRAINED, ConfigError, for_ablation, merge, read_overlays, validate
from shelfnet.config.meshes import ReconstructSettings, RefineSettings, Texture
from shelfnet.config.schema import Config

log = logging.getLogger(__name__)

DEFAULT = Path("config.yaml")
"""Read from the working directory, if it exists, before the files named on the command line."""


def prediction_settings(paths: Sequence[Path], ablation: str) -> Config:
    """Configuration for a model of an ablation; logs the files that it comes from.

    Args:
        paths: YAML files. Later ones override earlier ones, and all override :data:`DEFAULT`, or the embedded
            default without that file.
        ablation: Ablation of the model. Its overrides apply if the files define it.

    Raises:
        UsageError: A file cannot be used.
    """
    files = [DEFAULT, *paths] if DEFAULT.is_file() else list(paths)
    try:
        config = validate(merge(Config().model_dump(mode="json"), read_overlays(*files)))
        known = ablation in {*config.ablations, UNTRAINED}
        settings = for_ablation(config, ablation) if known else config
    except ConfigError as error:
        raise UsageError(str(error)) from error
    source = ", then ".join(map(str, files)) or f"the embedded default, because there is no {DEFAULT} here"
    log.info("settings of %s from %s", ablation if known else f"no ablation ({ablation} is not configured)", source)
    return settings


def mesh_settings(
    config: Config, *, refined: bool, texture: Texture | None
) -> tuple[ReconstructSettings, RefineSettings | None]:
    """Settings of the coarse mesh and, if ``refined``, of the refinement.

    Args:
        config: Configuration.
        refined: Whether the mesh is refined.
        texture: Texture of the mesh that is written; ``None`` keeps the configured one.
    """
    override = {} if texture is None else {"texture": texture}
    if refined:
        return config.reconstruct, config.refine.model_copy(update=override)
    return config.reconstruct.model_copy(update=override), None


def override_segmenter(configured: SegmenterSettings, overrides: Mapping[str, Any]) -> SegmenterSettings:
    """Override segmenter settings with those options that are not ``None``.

    Raises:
        UsageError: The combination is invalid, or a category is unknown.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return SegmenterSettings.model_validate(configured.model_dump() | given)
    except ValidationError as error:
        raise UsageError(f"segmenter: {'; '.join(fault['msg'] for fault in error.errors())}") from error
