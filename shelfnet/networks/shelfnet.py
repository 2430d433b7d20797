"""ShelfNet: encoder phi_E, decoder phi_D and neural renderer pi (Eq. 1 to 3)."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.networks import ModelSettings, RayKernel
from shelfnet.config.render import RenderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import build_decoder
from shelfnet.networks.encoder import Encoder, Encoding
from shelfnet.networks.precision import at_least_float32
from shelfnet.renderer.volume import RayWeights, max_rays_in_cube, render_features
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class Rendering:
    """Images and masks, rendered or observed.

    Attributes:
        image: RGB on white in [0, 1].
        mask: Opacity in [0, 1].
        rays: Rendering weights of the ray samples, for renders of a field.
    """

    image: Float[Tensor, "b 3 h w"]
    mask: Float[Tensor, "b h w"]
    rays: RayWeights | None = None

    def detach(self) -> "Rendering":
        """Image and mask without gradients, and without rays."""
        return Rendering(self.image.detach(), self.mask.detach())


class ColourHead(nn.Module):
    """MLP from appearance features to colour."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 3), nn.Sigmoid())

    def forward(self, features: Float[Tensor, "*any c"]) -> Float[Tensor, "*any 3"]:
        """RGB in [0, 1]."""
        return self.layers(features)


class ShelfNet(nn.Module):
    """Reconstruction of a field from one image, and rendering of a field from any view.

    Args:
        settings: Settings of the networks.
        camera: Field of view and distance of the cameras, and their view prior. Poses are unknown.
    """

    def __init__(self, settings: ModelSettings, camera: RenderSettings) -> None:
        super().__init__()
        self.fov = math.radians(camera.fov_deg)
        self.distance = camera.camera_distance
        self.resolution_px = settings.renderer.resolution_px
        self.samples_per_ray = settings.renderer.samples_per_ray
        self.feature_samples_per_ray = settings.renderer.feature_samples_per_ray
        self.kernel: RayKernel = settings.renderer.kernel
        self.encoder = Encoder(settings.encoder, camera.prior)
        self.decoder = build_decoder(settings.decoder, settings.encoder.latent_dim)
        self.colour = ColourHead(settings.decoder.feature_channels, settings.renderer.colour_hidden)

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> Encoding:
        """Encode images in [0, 1] on white into latents and views (Eq. 1)."""
        return self.encoder(images)

    def decode(self, latent: Float[Tensor, "b d"]) -> Field:
        """Decode latents into fields (Eq. 2)."""
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
        """Render a field (Eq. 3).

        Args:
            field: Decoded objects.
            azimuth: Camera azimuth of each view in radians.
            elevation: Camera elevation of each view in radians.
            resolution_px: Side of the images in pixels; the configured one by default.
            samples_per_ray: Samples per ray; the configured number by default.
            jitter: Position of each pixel's samples within their intervals, in [0, 1); midpoints by default.
            views_per_object: Number of adjacent views per object.
        """
        cameras = look_at_origin(azimuth, elevation, self.distance)
        size = resolution_px or self.resolution_px
        rendered = render_features(
            field,
            cameras,
            self.fov,
            size,
            samples_per_ray or self.samples_per_ray,
            feature_samples_per_ray=self.feature_samples_per_ray,
            jitter=jitter,
            views_per_object=views_per_object,
            max_rays=max_rays_in_cube(self.fov, self.distance, size),
            kernel=self.kernel,
        )
        mask = rendered.mask.clamp(0.0, 1.0)
        colour = at_least_float32(self.colour(rendered.features))
        image = 1.0 - mask[..., None] * (1.0 - colour)
        return Rendering(image.permute(0, 3, 1, 2), mask, rendered.rays)

    def decoder_parameters(self) -> list[nn.Parameter]:
        """Parameters trained by the adversarial loss: all but the encoder's."""
        return [*self.decoder.parameters(), *self.colour.parameters()]
