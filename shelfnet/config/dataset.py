"""Where the furniture comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.images import ImagesSettings
from shelfnet.config.section import Count, Fraction, Section

CONVERSION = (
    "super_categories",
    "categories",
    "exclude",
    "max_models",
    "max_faces",
    "model_timeout_s",
    "model_memory_mb",
    "split_seed",
    "folder",
)
STAGING_READS = {
    "showroom": ("showroom",),
    "3d_future": ("path", "path_env", "urls", "accept_licence", "downloads"),
    "folder": ("path", "path_env", *CONVERSION),
    "objaverse": ("objaverse", *CONVERSION),
    "images": ("path", "path_env"),
}
"""Settings that the stage ``stage_dataset`` reads, by kind of data set."""


class SplitFractions(Section):
    """Shares of the models, taken by a hash of the model id; the rest trains."""

    validation: Fraction = 0.1
    test: Fraction = 0.1

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> SplitFractions:
        if self.validation + self.test >= 1.0:
            shares = f"validation ({self.validation}) + test ({self.test})"
            raise ValueError(f"{shares} must leave a share of the models for training")
        return self


class ShowroomSettings(Section):
    """The parametric furniture generator."""

    models: Count = 240
    seed: Annotated[int, Field(ge=0)] = 0
    texture_px: Annotated[int, Field(ge=32, le=2048)] = 256


class DownloadSettings(Section):
    """One file of a data set to fetch, and what it must be."""

    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    size_bytes: Count | None = None


class FolderSettings(Section):
    """A folder of GLB, OBJ, PLY and STL files; GLB says itself that it is in metres and +Y up."""

    tags: str | None = None
    up_axis: Literal["y", "z"] = "y"
    unit_m: Annotated[float, Field(gt=0.0)] = 1.0


class ObjaverseSettings(Section):
    """Categories of Objaverse, as its LVIS annotations name them."""

    categories: tuple[str, ...] = ()
    mirror: str | None = None
    cache: str | None = None
    minimum_models: Count = 100
    download_threads: Annotated[int, Field(ge=1, le=32)] = 4


class DatasetSettings(Section):
    """Where the furniture comes from."""

    kind: Literal["showroom", "3d_future", "folder", "objaverse", "images"] = "showroom"
    path: str | None = None
    path_env: str | None = "SHELFNET_DATASET"
    urls: tuple[DownloadSettings, ...] = ()
    accept_licence: bool = False
    downloads: str = "data/downloads"
    super_categories: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    exclude: tuple[str, ...] | str = ()
    max_models: Count | None = None
    max_faces: Count = 2_000_000
    model_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    model_memory_mb: Annotated[int, Field(ge=256)] = 4000
    splits: SplitFractions = SplitFractions()
    split_seed: int = 0
    surface_points: Annotated[int, Field(ge=256)] = 10_000
    showroom: ShowroomSettings = ShowroomSettings()
    folder: FolderSettings = FolderSettings()
    objaverse: ObjaverseSettings = ObjaverseSettings()
    images: ImagesSettings = ImagesSettings()

    @property
    def has_truth(self) -> bool:
        """Whether there are true shapes; photographs have none, and the workflow takes other rules."""
        return self.kind != "images"

    @property
    def has_place(self) -> bool:
        """Whether the data is read from a folder or file of the user's, not generated or fetched."""
        return self.kind in ("folder", "images") or (self.kind == "3d_future" and not self.urls)

    def for_staging(self) -> DatasetSettings:
        """These settings with everything at its default that staging does not read, so that it reruns nothing."""
        read = self.model_dump(include={"kind", *STAGING_READS.get(self.kind, ())})
        return type(self).model_validate(read)

    def for_catalogue(self) -> DatasetSettings:
        """These settings without the place that the data comes from: its manifest says what is there."""
        defaults = type(self)()
        return self.model_copy(update={name: getattr(defaults, name) for name in STAGING_READS["3d_future"]})

    @model_validator(mode="after")
    def _ask_for_consent(self) -> DatasetSettings:
        if self.urls and not self.accept_licence:
            raise ValueError("urls: set dataset.accept_licence to true, once you have accepted the data's own licence")
        return self

    @model_validator(mode="after")
    def _name_a_category(self) -> DatasetSettings:
        if self.kind == "objaverse" and not self.objaverse.categories:
            raise ValueError("objaverse.categories: name at least one LVIS category, such as chair")
        return self
