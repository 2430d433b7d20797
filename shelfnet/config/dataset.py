"""Source of the furniture."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shelfnet.config.images import ImagesSettings
from shelfnet.config.section import Count, Fraction, Section

CONVERSION_KEYS = (
    "super_categories", "categories", "exclude", "max_models", "max_faces", "model_timeout_s", "model_memory_mb",
    "split_seed", "folder",
)  # fmt: skip
STAGING_READS = {
    "showroom": ("showroom",),
    "3d_future": ("path", "path_env", "urls", "accept_licence", "downloads"),
    "folder": ("path", "path_env", *CONVERSION_KEYS),
    "objaverse": ("objaverse", *CONVERSION_KEYS),
    "images": ("path", "path_env"),
}
"""Settings that the stage ``stage_dataset`` reads, by kind of data set."""


class SplitFractions(Section):
    """Fractions of the models, selected by a hash of model_id; the rest is for training."""

    validation: Fraction = 0.1
    """Fraction for validation curves and the rotation that evaluation fits."""
    test: Fraction = 0.1
    """Fraction for the numbers and figures."""

    @model_validator(mode="after")
    def _training_fraction_is_positive(self) -> SplitFractions:
        if self.validation + self.test >= 1.0:
            raise ValueError(
                f"validation ({self.validation}) + test ({self.test}) must be below 1, to leave models to train on"
            )
        return self


class ShowroomSettings(Section):
    """Generated parametric furniture."""

    models: Count = 220
    """Number of generated models."""
    seed: int = Field(default=0, ge=0)
    """Random seed of shapes and tags."""
    texture_px: int = Field(default=128, ge=32, le=2048)
    """Texture size in pixels per side."""


class DownloadSettings(Section):
    """A file to download."""

    url: str = Field(pattern=r"^(https?|file)://")
    """Address of the file."""
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    """Expected SHA-256 digest in hexadecimal."""
    size_bytes: Count | None = None
    """Expected size in bytes; null skips the check."""


class FolderSettings(Section):
    """A folder of GLB, OBJ, PLY and STL files; GLB is in metres and +Y up by its standard."""

    tags: str | None = None
    """CSV or Parquet table: model_id or file, super_category, category, style, theme, material."""
    up_axis: Literal["y", "z"] = "y"
    """Up axis of OBJ, PLY and STL files: y | z."""
    unit_m: float = Field(default=1.0, gt=0.0)
    """Metres per unit of OBJ, PLY and STL files."""


class ObjaverseSettings(Section):
    """Categories of Objaverse, by their LVIS names."""

    categories: tuple[str, ...] = ()
    """LVIS categories, for example [chair, armchair]."""
    mirror: str | None = None
    """Folder with a copy of Objaverse, read instead of the network."""
    cache: str | None = None
    """Download folder of the objaverse package; null: ~/.objaverse."""
    minimum_models: Count = 100
    """Number of models per category below which the run stops."""
    download_threads: int = Field(default=4, ge=1, le=32)
    """Number of parallel downloads."""


class DatasetSettings(Section):
    """Source of the furniture."""

    kind: Literal["showroom", "3d_future", "folder", "objaverse", "images"] = "showroom"
    """Data set (docs/data.md): showroom (generated furniture) | 3d_future (its folder or zip files) | folder (GLB, OBJ,
    PLY, STL) | objaverse (LVIS categories) | images (photographs with masks, no true shapes)."""
    path: str | None = None
    """Folder or zip file to read, for 3d_future, folder and images."""
    path_env: str | None = "SHELFNET_DATASET"
    """Environment variable that replaces path where it is set."""
    urls: tuple[DownloadSettings, ...] = ()
    """Files to download, for 3d_future: {url, sha256, size_bytes (optional)} each."""
    accept_licence: bool = False
    """Your confirmation that you accept the licence of the urls."""
    downloads: str = "data/downloads"
    """Folder for downloaded files."""
    super_categories: tuple[str, ...] = ()
    """Super-categories to keep; empty keeps all."""
    categories: tuple[str, ...] = ()
    """Categories to keep; empty keeps all."""
    exclude: tuple[str, ...] | str = ()
    """Ids of models to leave out, or the path of a text file with one id per line."""
    max_models: Count | None = None
    """Maximum number of models, selected by hash; null keeps all."""
    max_faces: Count = 2_000_000
    """Maximum number of faces; larger meshes are quarantined."""
    model_timeout_s: float = Field(default=120.0, gt=0)
    """Time limit in seconds for reading one model; slower models are quarantined."""
    model_memory_mb: int = Field(default=4000, ge=256)
    """Memory limit in MB for reading one model; larger models are quarantined."""
    splits: SplitFractions = SplitFractions()
    split_seed: int = 0
    """Seed of the split; another seed assigns all models anew."""
    surface_points: int = Field(default=10_000, ge=256)
    """Number of area-uniform true surface points per model."""
    showroom: ShowroomSettings = ShowroomSettings()
    folder: FolderSettings = FolderSettings()
    objaverse: ObjaverseSettings = ObjaverseSettings()
    images: ImagesSettings = ImagesSettings()

    @property
    def has_truth(self) -> bool:
        """Whether the data set has true shapes. Photographs have none, and use other rules of the workflow."""
        return self.kind != "images"

    @property
    def has_place(self) -> bool:
        """Whether the data is in a folder or file of the user, neither generated nor downloaded."""
        return self.kind in ("folder", "images") or (self.kind == "3d_future" and not self.urls)

    def for_staging(self) -> DatasetSettings:
        """Settings of staging; what it does not read has its default, so that a change of it reruns nothing."""
        read = self.model_dump(include={"kind", *STAGING_READS.get(self.kind, ())})
        return type(self).model_validate(read)

    def for_catalogue(self) -> DatasetSettings:
        """Settings of the catalogue, without the place of the data, for which the manifest stands."""
        defaults = type(self)()
        return self.model_copy(update={name: getattr(defaults, name) for name in STAGING_READS["3d_future"]})

    @model_validator(mode="after")
    def _downloads_need_consent(self) -> DatasetSettings:
        if self.urls and not self.accept_licence:
            raise ValueError(
                "urls: expected dataset.accept_licence to be true, once you have accepted the licence of the data"
            )
        return self

    @model_validator(mode="after")
    def _objaverse_needs_a_category(self) -> DatasetSettings:
        if self.kind == "objaverse" and not self.objaverse.categories:
            raise ValueError("objaverse.categories: expected at least one LVIS category, for example chair")
        return self
