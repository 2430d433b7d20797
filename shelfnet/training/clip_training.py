"""Training of the small CLIP of the embedded default, by contrast between renders and captions."""

import logging
from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from shelfnet.config.supervision import ClipTraining
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.losses.backgrounds import BACKGROUNDS, composite_over_backgrounds
from shelfnet.networks.clip import ClipModel, small_clip
from shelfnet.networks.retrieval import Retrieval
from shelfnet.training.batches import ImageStore
from shelfnet.training.progress_clock import ProgressClock

log = logging.getLogger(__name__)

MAX_LOGIT_SCALE = 4.6
"""ln 100: CLIP's own limit of the inverse temperature."""

WEIGHT_DECAY = 0.1
LOG_EVERY = 25


def train_small_clip(views: TrainingViews, settings: ClipTraining, device: torch.device) -> ClipModel:
    """Train on batches of distinct captions, over random backgrounds of every kind.

    Args:
        views: Training images and captions.
        settings: Sizes of the model and of its training.
        device: Device to train on.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = small_clip(settings).to(device).train()
    store = ImageStore(views, settings.image_px, device)
    tokens = model.tokens(store.captions)
    optimiser = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=settings.iterations)
    generator = torch.Generator(device).manual_seed(settings.seed)
    clock = ProgressClock(0, settings.iterations)
    for iteration in range(1, settings.iterations + 1):
        rows = distinct_caption_rows(store.caption_of, len(store.captions), settings.batch_size, generator)
        batch = store.take(rows)
        composited = composite_over_backgrounds(batch.targets, batch.masks, tuple(BACKGROUNDS), generator)
        images, texts = model.embed_images(composited), model.embed_tokens(tokens[batch.captions])
        scale = model.clip.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        loss = contrastive_loss(images, texts, scale)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if iteration % LOG_EVERY == 0 or iteration == settings.iterations:
            rate, left = clock.rate(iteration), clock.time_left(iteration)
            log.info("clip  %d/%d  loss %.3f  %.2f it/s  %s left", iteration, settings.iterations, loss, rate, left)
    return model.eval().requires_grad_(False)


def contrastive_loss(
    images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"], scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """CLIP's symmetric cross-entropy over a batch of matching unit embeddings."""
    logits = scale * images @ texts.T
    matching = torch.arange(len(images), device=images.device)
    return 0.5 * (functional.cross_entropy(logits, matching) + functional.cross_entropy(logits.T, matching))


def distinct_caption_rows(
    caption_of: Int[Tensor, "n"], n_captions: int, batch_size: int, generator: torch.Generator
) -> Int[Tensor, "b"]:
    """Random rows with pairwise different captions, so that the batch contains no false negatives."""
    shuffled = torch.randperm(len(caption_of), generator=generator, device=generator.device)
    first = torch.full((n_captions,), len(caption_of), device=caption_of.device)
    order = torch.arange(len(caption_of), device=caption_of.device)
    first.scatter_reduce_(0, caption_of[shuffled], order, reduce="amin")
    rows = shuffled[first]
    keep = torch.randperm(n_captions, generator=generator, device=generator.device)[:batch_size]
    return rows[keep]


@torch.no_grad()
def measure_retrieval(
    model: ClipModel,
    held_out: TrainingViews,
    others: Sequence[Collection[str]],
    choices: int,
    generator: torch.Generator,
) -> Retrieval:
    """Fraction of held-out images that are nearest to their own caption among ``choices`` different captions.

    Images are held out by model; two models can have the same tags, so that their captions may occur in training.
    Negative captions come from the held-out split as far as it has enough, then from other splits
    (:func:`caption_pool`). More negatives never make the task easier.

    Args:
        model: CLIP model to measure.
        held_out: Images that the model was not trained on, and their captions.
        others: Captions of other splits, in order of preference.
        choices: Number of captions to choose from; fewer where there are fewer in all.
        generator: Source of the random negatives.
    """
    device = model.mean.device
    store = ImageStore(held_out, model.image_px, device)
    captions = caption_pool(store.captions, others, choices, generator)
    choices = min(choices, len(captions))
    texts = model.embed_text(captions)
    right = []
    for index in torch.arange(len(store), device=device).split(256):
        batch = store.take(index)
        similarity = model.embed_images(batch.targets) @ texts.T
        own = similarity.gather(1, batch.captions[:, None])
        noise = torch.rand(similarity.shape, generator=generator, device=device)
        noise.scatter_(1, batch.captions[:, None], 2.0)  # the own caption comes first and is dropped
        rivals = noise.topk(choices, dim=1).indices[:, 1:]
        right.append((similarity.gather(1, rivals) < own).all(dim=1))
    return Retrieval(torch.cat(right).float().mean().item(), choices)


def caption_pool(
    own: Sequence[str], others: Sequence[Collection[str]], size: int, generator: torch.Generator
) -> list[str]:
    """All captions of ``own``, filled up to ``size`` with different captions from ``others``, in their order.

    Args:
        own: Pairwise different captions, which keep their places.
        others: Sets of further captions; each is used up before the next.
        size: Number of captions wanted.
        generator: Source of the random draw.
    """
    pool = list(own)
    for captions in others:
        fresh = sorted(set(captions) - set(pool))
        drawn = torch.randperm(len(fresh), generator=generator, device=generator.device)
        pool += [fresh[place] for place in drawn[: max(size - len(pool), 0)].tolist()]
    return pool
