"""Settings of a prediction: the model's own are in its checkpoint, those of meshes in the configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shelfnet.cli.errors import UsageError
from shelfnet.config.images import SegmenterSettings
from shelfnet.config.load import UNTRAINED, ConfigError, for_ablation, load_config
from shelfnet.config.meshes import ReconstructSettings, RefineSettings, Texture
from shelfnet.config.schema import Config

DEFAULT = Path("config.yaml")
"""Read where it lies in the working directory and nothing else is named."""


def prediction_settings(paths: Sequence[Path] | None, ablation: str) -> Config:
    """The tree that a model of an ablation is used with.

    Args:
        paths: YAML files, later ones laid over earlier ones; none for :data:`DEFAULT`, and where that is not there
            either for the schema's own values.
        ablation: of the model; its overrides apply where the files have them.

    Raises:
        UsageError: the files cannot be used.
    """
    try:
        config = load_config(*(paths or ([DEFAULT] if DEFAULT.is_file() else [])))
        return for_ablation(config, ablation) if ablation in {*config.ablations, UNTRAINED} else config
    except ConfigError as error:
        raise UsageError(str(error)) from error


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
