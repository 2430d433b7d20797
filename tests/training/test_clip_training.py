"""Training of the small CLIP and its retrieval of captions."""

import math

import numpy as np
import pytest
import torch
from tiny_training import untrained_clip_loss

from shelfnet.config.supervision import ClipTraining
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.networks.clip import small_clip
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.shelfnet import Rendering
from shelfnet.training.clip_training import (
    caption_pool,
    contrastive_loss,
    distinct_caption_rows,
    measure_retrieval,
    train_small_clip,
)

SMALL = ClipTraining(iterations=80, batch_size=4, learning_rate=2e-3, image_px=32, width=32, layers=1, embed_dim=16)


def test_batch_rows_have_distinct_captions():
    caption_of = torch.tensor([0, 0, 0, 1, 2, 2, 3])
    seen = set()
    for seed in range(30):
        rows = distinct_caption_rows(caption_of, 4, 3, torch.Generator().manual_seed(seed))
        assert len(rows) == 3 and len(set(caption_of[rows].tolist())) == 3
        seen |= set(rows.tolist())
    assert seen == set(range(7))


def test_contrastive_loss_of_equal_and_of_matching_embeddings():
    equal = torch.ones(4, 1)
    assert contrastive_loss(equal, equal, torch.tensor(3.0)).item() == pytest.approx(math.log(4))
    apart = torch.eye(4)
    assert contrastive_loss(apart, apart, torch.tensor(50.0)).item() == pytest.approx(0.0, abs=1e-5)


def coloured(seed: int) -> TrainingViews:
    colours = {"A red chair": (220, 30, 30), "A green chair": (30, 200, 30), "A blue chair": (30, 30, 220)}
    colours["A black chair"] = (10, 10, 10)
    generator = np.random.default_rng(seed)
    captions = tuple(colours) * 6
    images = np.zeros((len(captions), 32, 32, 4), dtype=np.uint8)
    for image, caption in zip(images, captions, strict=True):
        image[6:26, 6:26] = [*np.clip(colours[caption] + generator.integers(-10, 10, 3), 0, 255), 255]
    return TrainingViews(images=images, captions=captions)


def test_trained_clip_retrieves_captions_of_new_images():
    model = train_small_clip(coloured(0), SMALL, torch.device("cpu"))
    found = measure_retrieval(model, coloured(1), [], 4, torch.Generator().manual_seed(0))
    assert found.top1 > 0.7 and found.choices == 4
    assert not any(parameter.requires_grad for parameter in model.parameters())
    text = model.embed_text(["A red chair", "A blue chair"])
    assert torch.allclose(text.norm(dim=1), torch.ones(2), atol=1e-5)


def test_caption_pool_prefers_held_out_captions_and_has_no_duplicates():
    own, unseen, seen = ["a", "b", "c"], ["c", "d", "e", "d"], {"a", "e", *"stuvw"}
    for size, from_unseen, from_seen in ((2, 0, 0), (3, 0, 0), (4, 1, 0), (5, 2, 0), (7, 2, 2), (40, 2, 5)):
        pool = caption_pool(own, [unseen, seen], size, torch.Generator().manual_seed(size))
        assert pool[:3] == own and len(set(pool)) == len(pool)
        assert len({"d", "e"} & set(pool)) == from_unseen
        assert len(set("stuvw") & set(pool)) == from_seen


def test_caption_pool_depends_on_the_generator_alone():
    draws = [caption_pool(["a"], ["bcdefghijk"], 4, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def naive_top1(model, views: TrainingViews, captions: list[str]) -> float:
    """Top-1 retrieval, one image and one caption at a time."""
    right = 0
    for pixels, own in zip(views.images, views.captions, strict=True):
        composited, _ = composite_on_white(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        similarity = {text: (model.embed_images(composited) @ model.embed_text([text]).T).item() for text in captions}
        right += max(similarity, key=similarity.__getitem__) == own
    return right / len(views.captions)


def test_retrieval_equals_a_naive_loop_and_falls_with_more_captions():
    torch.manual_seed(0)
    model, views = small_clip(SMALL).eval().requires_grad_(False), coloured(0)
    captions, accuracies = sorted(set(views.captions)), []
    for others in (set(), {f"A {name} chair" for name in ("grey", "violet", "striped", "white", "tall", "old")}):
        found = measure_retrieval(model, views, [others], 32, torch.Generator().manual_seed(0))
        assert found.choices == 4 + len(others)
        assert found.top1 == pytest.approx(naive_top1(model, views, captions + sorted(others)))
        accuracies.append(found.top1)
    assert accuracies[0] > accuracies[1]


def test_few_choices_are_easier_than_all_captions():
    torch.manual_seed(0)
    model, views = small_clip(SMALL).eval().requires_grad_(False), coloured(0)
    found = measure_retrieval(model, views, [{"A further chair"}], 2, torch.Generator().manual_seed(0))
    assert found.choices == 2
    assert found.top1 > measure_retrieval(model, views, [], 4, torch.Generator().manual_seed(0)).top1


def test_clip_loss_has_a_gradient_at_the_image(store):
    loss = untrained_clip_loss(store.captions, ("noise", "checker"), image_px=32)
    image = torch.rand(2, 3, 16, 16, requires_grad=True)
    value = loss(Rendering(image, torch.ones(2, 16, 16)), torch.tensor([0, 3]), torch.Generator().manual_seed(0))
    assert value.shape == (2,) and (value >= 0).all() and (value <= 2).all()
    value.sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
