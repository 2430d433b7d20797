"""Settings that a step reads from several sections of the tree, as models of their own.

Every field is required, so that no step works with a default where the run has another value.
"""

from __future__ import annotations

from pydantic import model_validator

from shelfnet.config.meshes import ChosenBy
from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.schema import Config
from shelfnet.config.section import Count, Section
from shelfnet.config.supervision import ClipSettings, LossSettings, PerceptualSettings
from shelfnet.config.train import TrainSettings, WarmStartSettings


class TrainInputs(Section):
    """Settings of one ablation that decide what its network learns and what its validation measures.

    A change of any of these retrains. ``clip`` and ``perceptual`` are ``None`` where no loss uses them, so that their
    settings retrain nothing then. The surface level is no part: validation reads it, but another one retrains nothing.
    """

    render: RenderSettings
    model: ModelSettings
    losses: LossSettings
    train: TrainSettings
    clip: ClipSettings | None
    perceptual: PerceptualSettings | None
    choose_view: ChosenBy
    alignment_steps: Count

    @model_validator(mode="after")
    def _weighted_losses_have_their_settings(self) -> TrainInputs:
        for name in ("clip", "perceptual"):
            if getattr(self.losses, name) > 0 and getattr(self, name) is None:
                raise ValueError(f"{name}: expected settings, for losses.{name} is {getattr(self.losses, name)}")
        return self


class WarmStartInputs(Section):
    """Settings of one ablation that its warm start reads. Ablations in which these are equal share one warm start."""

    render: RenderSettings
    model: ModelSettings
    content_choice: float
    warm_start: WarmStartSettings
    device: str
    precision: str


def train_inputs(config: Config) -> TrainInputs:
    """The inputs of training from an ablation's own tree."""
    return TrainInputs(
        render=config.render,
        model=config.model,
        losses=config.losses,
        train=config.train,
        clip=config.clip if config.losses.clip > 0 else None,
        perceptual=config.perceptual if config.losses.perceptual > 0 else None,
        choose_view=config.reconstruct.choose_view,
        alignment_steps=config.evaluate.alignment_steps,
    )


def warm_start_inputs(config: Config | TrainInputs) -> WarmStartInputs:
    """The inputs of the warm start from an ablation's own tree, or from its part that training reads."""
    return WarmStartInputs(
        render=config.render,
        model=config.model,
        content_choice=config.losses.content_choice,
        warm_start=config.train.warm_start,
        device=config.train.device,
        precision=config.train.precision,
    )
