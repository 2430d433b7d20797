"""Every setting of the workflow, as one frozen tree that refuses what it does not know.

Units stand in the names (``fov_deg``); ranges stand on the fields. An ablation is a named set of overrides of this
same tree, so that any combination of settings is an ablation.
"""

from typing import Annotated, Any

from pydantic import Field

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.config.figures import FiguresSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.section import Section
from shelfnet.config.supervision import ClipSettings, LossSettings, PerceptualSettings
from shelfnet.config.train import TrainSettings
from shelfnet.config.workflow import ResourceSettings, TrackingSettings


class Config(Section):
    """The whole tree."""

    dataset: DatasetSettings = DatasetSettings()
    render: RenderSettings = RenderSettings()
    clip: ClipSettings = ClipSettings()
    perceptual: PerceptualSettings = PerceptualSettings()
    model: ModelSettings = ModelSettings()
    losses: LossSettings = LossSettings()
    train: TrainSettings = TrainSettings()
    reconstruct: ReconstructSettings = ReconstructSettings()
    refine: RefineSettings = RefineSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    figures: FiguresSettings = FiguresSettings()
    tracking: TrackingSettings = TrackingSettings()
    resources: ResourceSettings = ResourceSettings()
    ablations: Annotated[dict[str, dict[str, Any]], Field(min_length=1, default_factory=lambda: {"base": {}})]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
