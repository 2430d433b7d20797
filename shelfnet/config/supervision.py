"""Supervision: weights of the losses, and the pretrained networks behind two of them."""

from typing import Literal

from pydantic import Field

from shelfnet.config.section import Count, PowerOfTwo, Section, Weight


class ClipTraining(Section):
    """Training of the small CLIP model, for source: trained only."""

    iterations: Count = 1_000
    """Number of optimiser steps."""
    batch_size: Count = 64
    """Number of image and caption pairs per step."""
    learning_rate: float = Field(default=2e-3, gt=0.0)
    """Peak learning rate of the one-cycle schedule."""
    image_px: PowerOfTwo = 32
    """Input image size in pixels per side."""
    width: Count = 128
    """Width of both transformers."""
    layers: Count = 3
    """Number of layers of both transformers."""
    embed_dim: Count = 64
    """Dimension of the joint embedding of images and captions."""
    seed: int = 0
    """Random seed of weights and batches."""


class ClipSettings(Section):
    """CLIP model of the CLIP loss (Eq. 11), for ablations with losses.clip above zero."""

    source: Literal["trained", "pretrained"] = "trained"
    """Model: trained (small, on images and captions of the data) | pretrained (open_clip's)."""
    model: str = "ViT-B-16"
    """open_clip model name, for pretrained only."""
    pretrained: str = "laion2b_s34b_b88k"
    """open_clip tag or path of the weights, for pretrained only."""
    backgrounds: tuple[Literal["white", "noise", "checker", "blurred_noise"], ...] = ("white",)
    """Backgrounds composited behind renders before CLIP: white, noise, checker, blurred_noise."""
    training: ClipTraining = ClipTraining()


class PerceptualSettings(Section):
    """AlexNet features of the perceptual loss (Eq. 6)."""

    weights: Literal["imagenet", "file", "untrained"] = "untrained"
    """Weights: imagenet (torchvision's cache) | file | untrained (fixed random weights)."""
    path: str | None = None
    """Path of the weights, for file only."""
    seed: int = 0
    """Random seed of the weights, for untrained only."""


class LossSettings(Section):
    """Loss weights of Eq. 9. A weight of zero removes the term."""

    mask: Weight = 50.0
    """Weight of the mask loss (Eq. 5)."""
    rgb: Weight = 30.0
    """Weight of the colour loss (Eq. 4)."""
    perceptual: Weight = 0.1
    """Weight of the perceptual loss (Eq. 6)."""
    content: Weight = 60.0
    """Weight of the content loss (Eq. 8), view term."""
    content_latent: Weight = 0.1
    """Latent term of Eq. 8, relative to content."""
    content_choice: Weight = 0.1
    """Cross-entropy of the nearest camera hypothesis in Eq. 8, relative to content."""
    hypothesis: Weight = 1.0
    """Weight of the classifier of camera hypotheses."""
    kl: Weight = 0.1
    """Weight of the KL divergence of z from a standard normal."""
    adversarial: Weight = 0.1
    """Weight of the adversarial loss (Eq. 7), half each for predicted and novel views."""
    clip: Weight = 0.0
    """Weight of the CLIP loss (Eq. 11)."""
    r1_gamma: Weight = 0.0
    """R1 gradient penalty of the discriminator on real images."""
    pose_prior: Weight = 0.0
    """Weight of the pose prior, which pulls predicted views towards p(v)."""
    distortion: Weight = 0.0
    """Weight of the distortion loss of mip-NeRF 360."""
