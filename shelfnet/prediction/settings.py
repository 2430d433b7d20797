"""Settings of a prediction: those of the checkpoint, with explicit overrides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shelfnet.config.images import ImagesSettings
from shelfnet.config.load import for_ablation, merge, validate
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.schema import Config
from shelfnet.networks.checkpoint import RunDescription


@dataclass(frozen=True)
class PredictionSettings:
    """Settings that a prediction needs besides the network.

    Attributes:
        images: Requirements on photos and their masks, and the segmenter.
        reconstruct: Resolution, level and colours of the coarse mesh.
        refine: Settings of the refinement.
    """

    images: ImagesSettings
    reconstruct: ReconstructSettings
    refine: RefineSettings


def prediction_settings(description: RunDescription, overrides: Mapping[str, Any]) -> PredictionSettings:
    """Settings of a model, as at the time of its training, with overrides.

    Args:
        description: Description of the model.
        overrides: Raw configuration tree, as in ``config.yaml``. Of its sections, ``reconstruct``, ``refine`` and
            ``dataset.images`` have an effect, and so do the first two in ``ablations`` under the model's own ablation.

    Raises:
        ConfigError: An unknown key or a value out of range.
    """
    trained = {name: getattr(description, name).model_dump(mode="json") for name in ("reconstruct", "refine")}
    tree = Config().model_dump(mode="json") | trained | {"ablations": {description.ablation: {}}}
    config = for_ablation(validate(merge(tree, overrides)), description.ablation)
    return PredictionSettings(config.dataset.images, config.reconstruct, config.refine)
