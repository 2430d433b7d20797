"""The whole learner: encoder, decoder and neural renderer (Eq. 1 to 3)."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import build_decoder
from shelfnet.networks.encoder import Encoder, Encoding
from shelfnet.networks.precision import at_least_float32
from shelfnet.renderer.volume import RayWeights, max_rays_in_cube, render_features
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class Rendering:
    """Images on white in [0, 1], and their masks.

    Attributes:
        rays: where along its rays the mask comes from, where a field was marched through.
    """

    image: Float[Tensor, "b 3 h w"]
    mask: Float[Tensor, "b h w"]
    rays: RayWeights | None = None

    def detach(self) -> "Rendering":
        """The same images, cut from what made them."""
        return Rendering(self.image.detach(), self.mask.detach())


class ColourHead(nn.Module):
    """Appearance feature to colour."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 3), nn.Sigmoid())

    def forward(self, features: Float[Tensor, "*any c"]) -> Float[Tensor, "*any 3"]:
        """RGB in [0, 1]."""
        return self.layers(features)


class ShelfNet(nn.Module):
    """One photo to a field, and a field to images from any view.

    Args:
        settings: the networks.
        camera: field of view, distance and prior of the cameras; intrinsics are known, poses are not.
    """

    def __init__(self, settings: ModelSettings, camera: RenderSettings) -> None:
        super().__init__()
        self.fov = math.radians(camera.fov_deg)
        self.distance = camera.camera_distance
        self.resolution_px = settings.renderer.resolution_px
        self.samples_per_ray = settings.renderer.samples_per_ray
        self.feature_samples_per_ray = settings.renderer.feature_samples_per_ray
        self.encoder = Encoder(settings.encoder, camera.prior)
        self.decoder = build_decoder(settings.decoder, settings.encoder.latent_dim)
        self.colour = ColourHead(settings.decoder.feature_channels, settings.renderer.colour_hidden)

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> Encoding:
        """Latent and view of images in [0, 1] on white (Eq. 1)."""
        return self.encoder(images)

    def decode(self, latent: Float[Tensor, "b d"]) -> Field:
        """The objects of latents (Eq. 2)."""
        return self.decoder(latent)

    def render(
        self,
        field: Field,
        azimuth: Float[Tensor, "b"],
        elevation: Float[Tensor, "b"],
        *,
        resolution_px: int | None = None,
        samples_per_ray: int | None = None,
        jitter: Float[Tensor, "b p 1"] | None = None,
        views_per_object: int = 1,
    ) -> Rendering:
        """Images of a field, one a view in radians (Eq. 3); size and samples default to the settings'."""
        cameras = look_at_origin(azimuth, elevation, self.distance)
        size = resolution_px or self.resolution_px
        rays = render_features(
            field,
            cameras,
            self.fov,
            size,
            samples_per_ray or self.samples_per_ray,
            feature_samples_per_ray=self.feature_samples_per_ray,
            jitter=jitter,
            views_per_object=views_per_object,
            max_rays=max_rays_in_cube(self.fov, self.distance, size),
        )
        mask = rays.mask.clamp(0.0, 1.0)
        colour = at_least_float32(self.colour(rays.features))
        image = 1.0 - mask[..., None] * (1.0 - colour)
        return Rendering(image.permute(0, 3, 1, 2), mask, rays.rays)

    def decoder_parameters(self) -> list[nn.Parameter]:
        """What the adversarial loss trains: all but the encoder."""
        return [*self.decoder.parameters(), *self.colour.parameters()]
