"""Encoder phi_E (Eq. 1): image to pose-free latent and view."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.config.networks import EncoderSettings
from shelfnet.config.render import ViewPrior
from shelfnet.networks.precision import at_least_float32, full_precision


@dataclass(frozen=True)
class Encoding:
    """Latent and view hypotheses of each image.

    Attributes:
        latent: Latent z.
        view_azimuths: Azimuth of each hypothesis in radians.
        view_elevations: Elevation of each hypothesis in radians.
        view_logits: Classification logits of the hypotheses.
    """

    latent: Float[Tensor, "b d"]
    view_azimuths: Float[Tensor, "b k"]
    view_elevations: Float[Tensor, "b k"]
    view_logits: Float[Tensor, "b k"]

    @property
    def azimuth(self) -> Float[Tensor, "b"]:
        """Azimuth of the most probable hypothesis in radians."""
        return self.at(self.view_azimuths, self.view_logits.argmax(dim=1))

    @property
    def elevation(self) -> Float[Tensor, "b"]:
        """Elevation of the most probable hypothesis in radians."""
        return self.at(self.view_elevations, self.view_logits.argmax(dim=1))

    @staticmethod
    def at(values: Float[Tensor, "b k"], index: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """Select the value of one hypothesis per image."""
        return values.gather(1, index[:, None]).squeeze(1)


class ResidualBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions with group normalisation.

    Images and renders form separate batches, whose batch statistics would differ.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = _group_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = _group_norm(out_channels)
        changes_shape = stride != 1 or in_channels != out_channels
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False) if changes_shape else nn.Identity()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o p q"]:
        """Features downsampled by the stride."""
        out = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(out)) + self.shortcut(x))


class ViewHead(nn.Module):
    """View hypotheses and their logits.

    A single azimuth is predicted as (cos, sin). Several are each confined to a sector of the circle that overlaps its
    neighbours, so they cannot all collapse to one view. Elevations are confined to the range of the prior.
    """

    SECTOR_OVERLAP = 1.25
    anchors: Tensor

    def __init__(self, features: int, hypotheses: int, prior: ViewPrior) -> None:
        super().__init__()
        self.hypotheses = hypotheses
        self.elevation_min = math.radians(prior.elevation_min_deg)
        self.elevation_span = math.radians(prior.elevation_max_deg - prior.elevation_min_deg)
        self.body = nn.Sequential(nn.Linear(features, 128), nn.LeakyReLU(0.2))
        self.out = nn.Linear(128, 4 * hypotheses)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)
        anchors = torch.arange(hypotheses) * (2 * math.pi / hypotheses)
        self.register_buffer("anchors", anchors, persistent=False)

    def forward(
        self, features: Float[Tensor, "b f"]
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b k"], Float[Tensor, "b k"]]:
        """Azimuths, elevations (radians) and logits."""
        x, y, raw_elevation, logits = self.out(self.body(features)).unflatten(1, (4, self.hypotheses)).unbind(1)
        if self.hypotheses == 1:
            azimuths = torch.atan2(y, x)
        else:
            half_sector = self.SECTOR_OVERLAP * math.pi / self.hypotheses
            azimuths = self.anchors + half_sector * torch.tanh(y)
        elevations = self.elevation_min + self.elevation_span * torch.sigmoid(raw_elevation)
        return azimuths, elevations, logits


class Encoder(nn.Module):
    """Residual network with a latent head and a view head.

    Blocks (2, 2, 2, 2) and widths (64, 128, 256, 512) give the layout of ResNet-18 with group normalisation. Inputs of
    128 pixels and more pass its stem, a 7 x 7 convolution and max pooling; smaller ones a 3 x 3 convolution.
    """

    VIEW_CELLS = 4

    def __init__(self, settings: EncoderSettings, prior: ViewPrior) -> None:
        super().__init__()
        self.input_px = settings.input_px
        width = settings.widths[0]
        large = settings.input_px >= 128
        stem = [nn.Conv2d(3, width, 7 if large else 3, 2, 3 if large else 1, bias=False), _group_norm(width), nn.ReLU()]
        self.stem = nn.Sequential(*stem, *([nn.MaxPool2d(3, 2, 1)] if large else []))
        self.stages = nn.Sequential(*_stages(settings))
        last = settings.widths[-1]
        self.to_latent = nn.Sequential(nn.Linear(last, 128), nn.LeakyReLU(0.2), nn.Linear(128, settings.latent_dim))
        self.to_view = ViewHead(last * self.VIEW_CELLS**2, settings.camera_hypotheses, prior)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Encoding:
        """Encode images in [0, 1] on white, of any size."""
        resized = resize(images, self.input_px)
        features = at_least_float32(self.stages(self.stem(2.0 * resized - 1.0)))
        with full_precision(features):
            latent = self.to_latent(features.mean(dim=(2, 3)))
            cells = functional.adaptive_avg_pool2d(features, self.VIEW_CELLS).flatten(1)
            return Encoding(latent, *self.to_view(cells))


def resize(images: Float[Tensor, "b c h w"], size_px: int) -> Float[Tensor, "b c s s"]:
    """Resize images to a square: bilinear, with antialiasing when shrinking."""
    if images.shape[-1] == size_px and images.shape[-2] == size_px:
        return images
    shrinking = size_px < images.shape[-1]
    return functional.interpolate(images, (size_px, size_px), mode="bilinear", antialias=shrinking, align_corners=False)


def _stages(settings: EncoderSettings) -> list[nn.Module]:
    stages, channels = [], settings.widths[0]
    for index, (blocks, width) in enumerate(zip(settings.blocks, settings.widths, strict=True)):
        for block in range(blocks):
            stages.append(ResidualBlock(channels, width, stride=2 if index > 0 and block == 0 else 1))
            channels = width
    return stages


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)
