"""Warm start of encoder and decoder on the views and shapes that discovery found, before the losses of Eq. 4 to 9.

The encoder learns view and latent of the training images, the decoder the shape of each latent. One image costs the
encoder a tenth of what decoding and rendering an object costs, so thousands of images are seen in seconds.
"""

import logging

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.config.stage_inputs import WarmStartInputs
from shelfnet.config.train import WarmStartSettings
from shelfnet.losses.content import content_terms
from shelfnet.losses.reconstruction import kl_loss
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.representations.field import same_opacity
from shelfnet.representations.voxels import VoxelField
from shelfnet.training.acceleration.optimisers import fused_adam, set_learning_rate
from shelfnet.training.batches import Batch, ImageStore
from shelfnet.training.schedules import is_due

log = logging.getLogger(__name__)

POINTS = 4096
"""Number of random points per object at which the decoder is compared with its shape."""

BRIGHTNESS = (0.85, 1.15)
"""Range of the factors of colours in augmented images."""

OCCUPANCY_RANGE = (0.005, 0.995)
"""Range to which target occupancies are clamped, so that logits stay finite."""

SHAPE_WEIGHT = 0.1
KL_WEIGHT = 0.01
LOG_EVERY = 100


def warm_start_networks(
    model: ShelfNet, inputs: WarmStartInputs, store: ImageStore, shapes: VoxelField, rng: torch.Generator, name: str
) -> None:
    """Train encoder, then decoder.

    Args:
        model: Fresh networks, changed in place.
        inputs: Settings.
        store: Training images with their found views.
        shapes: Shared shapes, one per row, with RGB as features.
        rng: Source of the random batches.
        name: Name in the log.
    """
    classifier = warm_start_encoder(model, inputs, store, len(shapes.occupancy_grid), rng, name)
    blended = getattr(model.decoder, "blended", None)
    if blended is not None:
        counts = torch.bincount(store.found.shape, minlength=len(shapes.occupancy_grid))
        kept = counts.argsort(descending=True)[: len(blended.scaled_logits)]
        blended.start_from(shapes.occupancy_grid[kept], classifier.weight[kept], classifier.bias[kept])
    warm_start_decoder(model, inputs, store, shapes, rng, name)


def warm_start_encoder(
    model: ShelfNet, inputs: WarmStartInputs, store: ImageStore, n_shapes: int, rng: torch.Generator, name: str
) -> nn.Linear:
    """Teach the encoder the found views (terms of Eq. 8) and, by a linear classifier of the latent, the shapes."""
    encoder, settings = model.encoder, inputs.warm_start
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classifier = nn.Linear(inputs.model.encoder.latent_dim, n_shapes).to(rng.device)
    optimiser = fused_adam(nn.ModuleList([encoder, classifier]), settings.learning_rate)
    for step in range(settings.encoder_iterations):
        set_learning_rate(optimiser, _falling_rate(settings, step, settings.encoder_iterations))
        rows = _random_rows(store, settings.encoder_batch_size, rng)
        batch = store.take(rows, encoder.input_px)
        images, azimuth = _augment(batch, store.found.azimuth[rows], rng)
        encoding = encoder(images)
        content = content_terms(encoding, azimuth, store.found.elevation[rows], encoding.latent.detach())
        certain = store.found.is_certain[rows].float()
        view = (certain * (content.view + inputs.content_choice * content.choice)).sum() / certain.sum().clamp(min=1)
        shape = functional.cross_entropy(classifier(encoding.latent), store.found.shape[rows])
        loss = view + SHAPE_WEIGHT * shape + KL_WEIGHT * kl_loss(encoding.latent).mean()
        _take_step(optimiser, loss)
        if is_due(step + 1, LOG_EVERY, settings.encoder_iterations):
            done = f"{step + 1}/{settings.encoder_iterations}"
            log.info("%s  warm start of the encoder  %s  view %.3f  shape %.2f", name, done, view.item(), shape.item())
    return classifier


def warm_start_decoder(
    model: ShelfNet, inputs: WarmStartInputs, store: ImageStore, shapes: VoxelField, rng: torch.Generator, name: str
) -> None:
    """Teach the decoder, by cross-entropy at random points, the occupancy of the shape of each latent."""
    settings = inputs.warm_start
    optimiser = fused_adam(nn.ModuleList([model.decoder, model.colour]), settings.learning_rate)
    for step in range(settings.decoder_iterations):
        set_learning_rate(optimiser, _falling_rate(settings, step, settings.decoder_iterations))
        rows = _random_rows(store, settings.decoder_batch_size, rng)
        with torch.no_grad():
            latent = model.encode(store.take(rows).images).latent
            points = torch.rand(len(rows), POINTS, 3, generator=rng, device=rng.device) - 0.5
            number = store.found.shape[rows]
            target = VoxelField(shapes.occupancy_grid[number], shapes.feature_grid[number])
        field = model.decode(latent)
        occupancy = same_opacity(target.occupancy(points), target.voxel_size, field.voxel_size)
        predicted = field.occupancy(points).clamp(1e-5, 1.0 - 1e-5)
        shape = functional.binary_cross_entropy(predicted, occupancy.clamp(*OCCUPANCY_RANGE))
        error = (model.colour(field.features(points)) - target.features(points)).square().mean(dim=2)
        colour = (occupancy * error).sum() / occupancy.sum().clamp(min=1.0)
        _take_step(optimiser, shape + settings.colour_weight * colour)
        if is_due(step + 1, LOG_EVERY, settings.decoder_iterations):
            done = f"{step + 1}/{settings.decoder_iterations}"
            message = "%s  warm start of the decoder  %s  cross-entropy %.4f  colour %.4f"
            log.info(message, name, done, shape.item(), colour.item())


def _augment(
    batch: Batch, azimuth: Float[Tensor, "b"], rng: torch.Generator
) -> tuple[Float[Tensor, "b 3 r r"], Float[Tensor, "b"]]:
    """Mirror half of the images, whose objects are symmetric, and scale the colours of the objects.

    Args:
        batch: Images at the size of the encoder's input, as targets.
        azimuth: Azimuths in radians.
        rng: Source of random numbers.
    """
    mirrored, brightness = torch.rand(2, len(azimuth), 1, 1, 1, generator=rng, device=rng.device)
    low, high = BRIGHTNESS
    white = 1.0 - batch.masks[:, None]  # what the background adds
    images = (white + (low + (high - low) * brightness) * (batch.targets - white)).clamp(0.0, 1.0)
    images = torch.where(mirrored < 0.5, images.flip(-1), images)
    return images, torch.where(mirrored.flatten() < 0.5, -azimuth, azimuth)


def _random_rows(store: ImageStore, count: int, rng: torch.Generator) -> Tensor:
    return torch.randint(len(store), (count,), generator=rng, device=rng.device)


def _falling_rate(settings: WarmStartSettings, step: int, steps: int) -> float:
    """Learning rate that falls exponentially to a twentieth."""
    return settings.learning_rate * 0.05 ** (step / steps)


def _take_step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
