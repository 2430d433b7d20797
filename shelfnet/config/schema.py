"""All settings of the workflow, as one frozen tree. Its defaults are the embedded default.

Units are in the names (``fov_deg``), ranges and descriptions on the fields. ``tools/generate_config.py`` writes
``config.yaml`` and ``config.schema.json`` from this module.
"""

from typing import Annotated, Any

from pydantic import Field

from shelfnet.config.ablations import default_ablations
from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.discovery import DiscoverySettings
from shelfnet.config.evaluate import EvaluateSettings, FiguresSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.section import Section
from shelfnet.config.supervision import ClipSettings, LossSettings, PerceptualSettings
from shelfnet.config.train import TrainSettings
from shelfnet.config.workflow import ResourceSettings, TrackingSettings


class Config(Section):
    """All settings of shelfnet."""

    dataset: DatasetSettings = DatasetSettings()
    render: RenderSettings = RenderSettings()
    clip: ClipSettings = ClipSettings()
    perceptual: PerceptualSettings = PerceptualSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    model: ModelSettings = ModelSettings()
    losses: LossSettings = LossSettings()
    train: TrainSettings = TrainSettings()
    reconstruct: ReconstructSettings = ReconstructSettings()
    refine: RefineSettings = RefineSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    figures: FiguresSettings = FiguresSettings()
    tracking: TrackingSettings = TrackingSettings()
    resources: ResourceSettings = ResourceSettings()
    ablations: dict[str, dict[str, Any]] = Field(default_factory=default_ablations, min_length=1)
    """Named sets of overrides of the settings above; all share the rest. The row untrained (base with zero iterations)
    is always added."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    """Random seeds; every ablation is trained once per seed, and may have seeds of its own."""
