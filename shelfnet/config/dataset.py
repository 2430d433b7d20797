"""Where the furniture comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Fraction, Section


class SplitFractions(Section):
    """Shares of the models, taken by a hash of the model id; the rest trains."""

    validation: Fraction = 0.1
    test: Fraction = 0.1

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> SplitFractions:
        if self.validation + self.test >= 1.0:
            raise ValueError("validation + test must leave a share of the models for training")
        return self


class ShowroomSettings(Section):
    """The parametric furniture generator."""

    models: Count = 240
    seed: Annotated[int, Field(ge=0)] = 0
    texture_px: Annotated[int, Field(ge=32, le=2048)] = 256


class DatasetSettings(Section):
    """Where the furniture comes from."""

    kind: Literal["showroom", "3d_future"] = "showroom"
    path: str | None = None
    path_env: str | None = "SHELFNET_DATASET"
    super_categories: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    max_models: Count | None = None
    max_faces: Count = 2_000_000
    splits: SplitFractions = SplitFractions()
    split_seed: int = 0
    surface_points: Annotated[int, Field(ge=256)] = 10_000
    showroom: ShowroomSettings = ShowroomSettings()
