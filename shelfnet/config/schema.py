"""Every setting of the workflow, as one frozen tree that refuses what it does not know.

Units stand in the names (``fov_deg``); ranges stand on the fields. An ablation is a named set of overrides of this
same tree, so that any combination of settings is an ablation.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
PowerOfTwo = Literal[4, 8, 16, 32, 64, 128, 256]


class Section(BaseModel):
    """A frozen part of the tree in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class ViewPrior(Section):
    """p(v): azimuth uniform around the object, elevation uniform in a range."""

    azimuth_min_deg: Annotated[float, Field(ge=-180.0, le=180.0)] = -180.0
    azimuth_max_deg: Annotated[float, Field(ge=-180.0, le=180.0)] = 180.0
    elevation_min_deg: Annotated[float, Field(ge=-89.0, le=89.0)] = -5.0
    elevation_max_deg: Annotated[float, Field(ge=-89.0, le=89.0)] = 30.0

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> ViewPrior:
        if self.azimuth_min_deg >= self.azimuth_max_deg or self.elevation_min_deg > self.elevation_max_deg:
            raise ValueError("view prior: every minimum must lie below its maximum")
        return self


class RenderSettings(Section):
    """Pictures of the models: camera, engine and quality."""

    engine: Literal["cycles", "pyrender"] = "cycles"
    device: Literal["cpu", "optix", "cuda", "hip", "metal", "oneapi"] = "cpu"
    resolution_px: Annotated[int, Field(ge=16, le=2048)] = 128
    views_per_model: Count = 24
    shards: Count = 8
    seed: int = 0
    samples: Count = 16
    denoise: bool = False
    fov_deg: Annotated[float, Field(gt=1.0, lt=120.0)] = 35.0
    camera_distance: Annotated[float, Field(gt=0.9)] = 2.6
    prior: ViewPrior = ViewPrior()


class ClipTraining(Section):
    """How the small open_clip model of the embedded default is trained on the renders and captions."""

    iterations: Count = 300
    batch_size: Count = 64
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-3
    image_px: PowerOfTwo = 64
    width: Count = 128
    layers: Count = 3
    embed_dim: Count = 64
    seed: int = 0


class ClipSettings(Section):
    """The CLIP model behind L_clip (Eq. 11)."""

    source: Literal["trained", "pretrained"] = "pretrained"
    model: str = "ViT-B-16"
    pretrained: str = "laion2b_s34b_b88k"
    backgrounds: tuple[Literal["white", "noise", "checker", "blurred_noise"], ...] = ("white",)
    training: ClipTraining = ClipTraining()


class PerceptualSettings(Section):
    """AlexNet features behind L_perc (Eq. 6)."""

    weights: Literal["imagenet", "file", "untrained"] = "imagenet"
    path: str | None = None
    seed: int = 0


class EncoderSettings(Section):
    """phi_E (Eq. 1): image to latent z and view v."""

    input_px: Annotated[int, Field(ge=32, le=512)] = 224
    blocks: tuple[Count, ...] = (2, 2, 2, 2)
    widths: tuple[Count, ...] = (64, 128, 256, 512)
    latent_dim: Count = 128
    camera_hypotheses: Count = 1
    hypothesis_temperature: Annotated[float, Field(gt=0.0)] = 0.01
    hypothesis_px: Annotated[int, Field(ge=8, le=128)] = 16

    @model_validator(mode="after")
    def _one_width_a_stage(self) -> EncoderSettings:
        if len(self.blocks) != len(self.widths):
            raise ValueError("encoder: blocks and widths must have one entry for each stage")
        return self


class DecoderSettings(Section):
    """phi_D (Eq. 2): latent z to feature field and occupancy."""

    representation: Literal["voxel", "triplane", "se3"] = "voxel"
    base_channels: Count = 256
    feature_channels: Count = 64
    feature_resolution: PowerOfTwo = 16
    occupancy_resolution: PowerOfTwo = 32
    plane_channels: Count = 32
    plane_resolution: PowerOfTwo = 32
    plane_hidden: Count = 64
    se3_multiplicities: tuple[Count, Count, Count] = (32, 16, 8)
    symmetry: Literal["none", "features", "field"] = "features"


class RendererSettings(Section):
    """pi (Eq. 3): one ray a pixel."""

    resolution_px: Annotated[int, Field(ge=8, le=256)] = 64
    samples_per_ray: Annotated[int, Field(ge=4, le=512)] = 64
    feature_samples_per_ray: Annotated[int, Field(ge=1, le=512)] | None = None
    colour_hidden: Count = 64


class DiscriminatorSettings(Section):
    """D: real pictures or renders."""

    base_channels: Count = 128
    max_channels: Count = 2048
    style_heads: bool = True
    sees_mask: bool = False
    augment: bool = False


class ModelSettings(Section):
    """Networks."""

    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    renderer: RendererSettings = RendererSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()


class LossSettings(Section):
    """Weights of Eq. 9; zero switches a term off and saves its work."""

    mask: Weight = 50.0
    rgb: Weight = 10.0
    perceptual: Weight = 1.0
    content: Weight = 100.0
    content_latent: Weight = 1.0
    content_choice: Weight = 0.1
    hypothesis: Weight = 1.0
    kl: Weight = 0.1
    adversarial: Weight = 1.0
    clip: Weight = 0.0
    r1_gamma: Weight = 0.0
    pose_prior: Weight = 0.0


class TrainSettings(Section):
    """Optimisation."""

    iterations: Annotated[int, Field(ge=0)] = 100_000
    constant_iterations: Annotated[int, Field(ge=0)] = 10_000
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-4
    discriminator_every: Count = 2
    r1_every: Count = 16
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    log_every: Count = 100
    validate_every: Count = 5_000
    validation_views: Count = 64
    checkpoint_every: Count = 5_000


class ReconstructSettings(Section):
    """Occupancy to mesh."""

    resolution: Annotated[int, Field(ge=8, le=256)] = 64
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    largest_component: bool = False
    max_faces: Count = 20_000
    views_per_model: Count = 2
    parts: Count = 1


class RefineWeights(Section):
    """Weights of the refinement energy; the defaults are the original code's."""

    mask: Weight = 50.0
    rgb: Weight = 10.0
    laplacian: Weight = 100.0
    edge: Weight = 1.0
    normal: Weight = 0.01
    offset: Weight = 1000.0


class RefineSettings(Section):
    """Vertices and camera through the differentiable rasterizer."""

    enabled: bool = True
    rasterizer: Literal["own", "pytorch3d"] = "own"
    iterations: Annotated[int, Field(ge=0)] = 80
    learning_rate: Annotated[float, Field(gt=0.0)] = 3e-3
    camera_learning_rate: Annotated[float, Field(ge=0.0)] = 1e-2
    smoothing: Annotated[float, Field(ge=0.0)] = 10.0
    resolution_px: Annotated[int, Field(ge=16, le=512)] = 64
    faces_per_pixel: Count = 10
    sigma: Annotated[float, Field(gt=0.0)] = 3e-5
    max_faces: Count = 5_000
    batch_size: Count = 8
    weights: RefineWeights = RefineWeights()


class EvaluateSettings(Section):
    """Metrics and their intervals."""

    n_points: Annotated[int, Field(ge=256)] = 10_000
    fscore_threshold: Annotated[float, Field(gt=0.0)] = 0.05
    alignment_steps: Count = 72
    icp_iterations: Annotated[int, Field(ge=0)] = 20
    bootstrap_samples: Count = 2_000
    random_train_draws: Count = 5
    medoid_candidates: Count = 200
    backend: Literal["scipy", "torch", "pytorch3d"] = "scipy"
    seed: int = 0


class TrackingSettings(Section):
    """MLflow, the mirror of the local journal."""

    enabled: bool = True
    uri: str = "sqlite:///results/mlflow.db"
    experiment: str = "shelfnet"
    timeout_s: Annotated[float, Field(gt=0.0)] = 30.0


class StageResources(Section):
    """What one job of a stage asks the scheduler for."""

    threads: Count = 1
    mem_mb: Count = 1_500
    runtime_min: Count = 480


class ResourceSettings(Section):
    """Resources by stage; profiles may override them. GPUs follow from ``render.device`` and ``train.device``."""

    catalogue: StageResources = StageResources()
    render: StageResources = StageResources(runtime_min=720)
    train_clip: StageResources = StageResources()
    train: StageResources = StageResources(runtime_min=2_880)
    reconstruct: StageResources = StageResources()
    refine: StageResources = StageResources(runtime_min=1_440)
    evaluate: StageResources = StageResources()
    report: StageResources = StageResources(mem_mb=3_000)


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
    tracking: TrackingSettings = TrackingSettings()
    resources: ResourceSettings = ResourceSettings()
    ablations: dict[str, dict[str, Any]] = Field(default_factory=lambda: {"base": {}})
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
