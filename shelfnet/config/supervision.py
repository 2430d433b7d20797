"""Supervision: weights of the losses, and the pretrained networks behind two of them."""

from typing import Literal

from pydantic import Field

from shelfnet.config.section import Count, PowerOfTwo, Section, Weight


class ClipTraining(Section):
    """Training of the small CLIP model, for source: trained only."""

    iterations: Count = Field(default=1_000, description="Number of optimiser steps.")
    batch_size: Count = Field(default=64, description="Number of image and caption pairs per step.")
    learning_rate: float = Field(default=2e-3, gt=0.0, description="Peak learning rate of the one-cycle schedule.")
    image_px: PowerOfTwo = Field(default=32, description="Input image size in pixels per side.")
    width: Count = Field(default=128, description="Width of both transformers.")
    layers: Count = Field(default=3, description="Number of layers of both transformers.")
    embed_dim: Count = Field(default=64, description="Dimension of the joint embedding of images and captions.")
    seed: int = Field(default=0, description="Random seed of weights and batches.")


class ClipSettings(Section):
    """CLIP model of the CLIP loss (Eq. 11), for ablations with losses.clip above zero."""

    source: Literal["trained", "pretrained"] = Field(
        default="trained",
        description="Model: trained (small, on images and captions of the data) | pretrained (open_clip's).",
    )
    model: str = Field(default="ViT-B-16", description="open_clip model name, for pretrained only.")
    pretrained: str = Field(
        default="laion2b_s34b_b88k", description="open_clip tag or path of the weights, for pretrained only."
    )
    backgrounds: tuple[Literal["white", "noise", "checker", "blurred_noise"], ...] = Field(
        default=("white",),
        description="Backgrounds composited behind renders before CLIP: white, noise, checker, blurred_noise.",
    )
    training: ClipTraining = ClipTraining()


class PerceptualSettings(Section):
    """AlexNet features of the perceptual loss (Eq. 6)."""

    weights: Literal["imagenet", "file", "untrained"] = Field(
        default="untrained",
        description="Weights: imagenet (torchvision's cache) | file | untrained (fixed random weights).",
    )
    path: str | None = Field(default=None, description="Path of the weights, for file only.")
    seed: int = Field(default=0, description="Random seed of the weights, for untrained only.")


class LossSettings(Section):
    """Loss weights of Eq. 9. A weight of zero removes the term."""

    mask: Weight = Field(default=50.0, description="Weight of the mask loss (Eq. 5).")
    rgb: Weight = Field(default=30.0, description="Weight of the colour loss (Eq. 4).")
    perceptual: Weight = Field(default=0.1, description="Weight of the perceptual loss (Eq. 6).")
    content: Weight = Field(default=60.0, description="Weight of the content loss (Eq. 8), view term.")
    content_latent: Weight = Field(default=0.1, description="Latent term of Eq. 8, relative to content.")
    content_choice: Weight = Field(
        default=0.1, description="Cross-entropy of the nearest camera hypothesis in Eq. 8, relative to content."
    )
    hypothesis: Weight = Field(default=1.0, description="Weight of the classifier of camera hypotheses.")
    kl: Weight = Field(default=0.1, description="Weight of the KL divergence of z from a standard normal.")
    adversarial: Weight = Field(
        default=0.1, description="Weight of the adversarial loss (Eq. 7), half each for predicted and novel views."
    )
    clip: Weight = Field(default=0.0, description="Weight of the CLIP loss (Eq. 11).")
    r1_gamma: Weight = Field(default=0.0, description="R1 gradient penalty of the discriminator on real images.")
    pose_prior: Weight = Field(
        default=0.0, description="Weight of the pose prior, which pulls predicted views towards p(v)."
    )
    distortion: Weight = Field(default=0.0, description="Weight of the distortion loss of mip-NeRF 360.")
