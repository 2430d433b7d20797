"""What teaches: the weights of the losses, and the fixed networks behind two of them."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Count, PowerOfTwo, Section, Weight


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
    distortion: Weight = 0.0
