"""A few shared shapes as voxel grids, rendered from any view and fitted to images."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.discovery.framing import Framing
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.renderer.volume import max_rays_in_cube, render_features
from shelfnet.representations.voxels import VoxelField, mirror_average

SAMPLES_PER_RAY = 20
LEARNING_RATE = 0.1
BETAS = (0.9, 0.95)
INITIAL_LOGIT = -2.0
INITIAL_NOISE = 0.3
SPLIT_NOISE = 0.3
"""Standard deviation of the noise that tells the copies of a shape apart."""

CHANNEL_WEIGHTS = (0.3, 0.3, 0.3, 1.0)
"""Weights of red, green, blue and mask in the squared distance of two images."""


@dataclass(frozen=True)
class ShapeCamera:
    """How shapes are rendered to be compared with images.

    Attributes:
        fov: Field of view in radians.
        distance: Distance of the camera in object units.
        framing: Framing that renders are aligned to; ``None`` leaves them as the camera sees them.
    """

    fov: float
    distance: float
    framing: Framing | None = None


class ShapeMixture:
    """K mirror-symmetric shapes and the optimiser that fits them.

    Args:
        logits: Occupancy logits, before averaging with the mirror image in x.
        colours: Logits of RGB, likewise.
        camera: Camera of the renders.
        generator: Source of the positions of ray samples.
    """

    def __init__(
        self,
        logits: Float[Tensor, "k 1 g g g"],
        colours: Float[Tensor, "k 3 g g g"],
        camera: ShapeCamera,
        generator: torch.Generator,
    ) -> None:
        self.logits = logits.detach().clone().requires_grad_()
        self.colours = colours.detach().clone().requires_grad_()
        self.camera, self.generator = camera, generator
        self.channel_weights = torch.tensor(CHANNEL_WEIGHTS, device=logits.device).view(1, 4, 1, 1)
        self.optimiser = torch.optim.Adam([self.logits, self.colours], lr=LEARNING_RATE, betas=BETAS, fused=True)

    @classmethod
    def random(cls, grid_resolution: int, camera: ShapeCamera, generator: torch.Generator) -> "ShapeMixture":
        """One shape of noise around a thin fog."""
        size = [grid_resolution] * 3
        logits = INITIAL_LOGIT + INITIAL_NOISE * _noise((1, 1, *size), generator)
        return cls(logits, INITIAL_NOISE * _noise((1, 3, *size), generator), camera, generator)

    def split(self, shapes: int) -> "ShapeMixture":
        """A mixture of ``shapes`` noisy copies of these shapes, each repeated about equally often."""
        index = torch.arange(shapes, device=self.logits.device) % len(self)
        logits, colours = (
            grid.detach()[index] + SPLIT_NOISE * _noise((shapes, *grid.shape[1:]), self.generator)
            for grid in (self.logits, self.colours)
        )
        return ShapeMixture(logits, colours, self.camera, self.generator)

    def __len__(self) -> int:
        return len(self.logits)

    def field(self) -> VoxelField:
        """Occupancy and colours of all shapes."""
        return VoxelField(torch.sigmoid(mirror_average(self.logits)), torch.sigmoid(mirror_average(self.colours)))

    def render_all(self, cameras: Float[Tensor, "v 4 4"], px: int) -> Float[Tensor, "kv 4 p p"]:
        """Renders of every shape from every view, those of one shape adjacent."""
        return self._render(cameras.repeat(len(self), 1, 1), px)

    def render_views(
        self, azimuth: Float[Tensor, "b"], elevation: Float[Tensor, "b"], px: int
    ) -> Float[Tensor, "b 4 p p"]:
        """Renders of every shape from equally many views of its own, in radians; those of one shape are adjacent."""
        return self._render(look_at_origin(azimuth, elevation, self.camera.distance), px)

    def _render(self, cameras: Float[Tensor, "b 4 4"], px: int) -> Float[Tensor, "b 4 p p"]:
        """RGB on white and mask."""
        jitter = torch.rand(len(cameras), px * px, 1, generator=self.generator, device=cameras.device)
        rendered = render_features(
            self.field(),
            cameras,
            self.camera.fov,
            px,
            SAMPLES_PER_RAY,
            jitter=jitter,
            views_per_object=len(cameras) // len(self),
            max_rays=max_rays_in_cube(self.camera.fov, self.camera.distance, px),
        )
        mask = rendered.mask.clamp(0.0, 1.0)[:, None]
        renders = torch.cat([1.0 - mask * (1.0 - rendered.features.permute(0, 3, 1, 2)), mask], dim=1)
        return renders if self.camera.framing is None else self.camera.framing.align(renders)

    def fit(self, squared_error: Float[Tensor, "b 4 p p"], weights: Float[Tensor, "b"], smoothness: float) -> None:
        """Take an optimiser step on the weighted sum of squared errors per pixel, with a smoothness prior.

        Args:
            squared_error: Squared differences of renders and images.
            weights: Weight of each pair.
            smoothness: Weight of the squared differences of the logits of neighbouring cells.
        """
        pixels = squared_error.shape[-1] ** 2
        error = (weights.view(-1, 1, 1, 1) * self.channel_weights * squared_error).sum() / pixels
        grids = (self.logits, self.colours)
        roughness = torch.stack([grid.diff(dim=axis).square().mean() for grid in grids for axis in (2, 3, 4)]).sum()
        self.optimiser.zero_grad()
        (error + smoothness * roughness).backward()
        self.optimiser.step()


def _noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)
