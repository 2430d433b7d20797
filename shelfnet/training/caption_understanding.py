"""Which tags of a caption a CLIP model recognises in an image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from shelfnet.data.catalogue.captions import make_caption, specific_tag
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.networks.clip import ClipModel
from shelfnet.training.batches import ImageStore


@dataclass(frozen=True)
class CaptionTags:
    """The tags that a caption is made from; unknown ones are ``None``."""

    style: str | None
    category: str | None
    material: str | None

    def caption(self) -> str:
        """The caption of an object with these tags."""
        return make_caption(self.style, self.category, self.material)


@dataclass(frozen=True)
class TagAccuracy:
    """Recognition of one tag, with the other tags of the caption given.

    Attributes:
        accuracy: Fraction of images whose own caption is nearer than those with another value of the tag.
        majority: Accuracy of always choosing the most frequent value.
        values: Number of values to choose from, those of the training split.
        images: Number of images.
    """

    accuracy: float
    majority: float
    values: int
    images: int


@torch.no_grad()
def measure_tags(
    model: ClipModel, views: TrainingViews, tags: Sequence[CaptionTags], known: Sequence[CaptionTags]
) -> dict[str, TagAccuracy]:
    """Recognition of style, category and material in images that the model was not trained on.

    A tag is left out if it has fewer than two values or no image. Images whose value does not occur in ``known``, and
    those without a value, do not count.

    Args:
        model: CLIP model.
        views: Images.
        tags: Tags of the images.
        known: Tags of the training split.
    """
    store = ImageStore(views, model.image_px, model.mean.device)
    images = torch.cat([model.embed_images(store.take(rows).targets) for rows in torch.arange(len(store)).split(256)])
    asked = {name: _questions(tags, known, name) for name in ("style", "category", "material")}
    texts = sorted({caption for questions in asked.values() for options in questions.values() for caption in options})
    if not texts:
        return {}
    row_of = {caption: row for row, caption in enumerate(texts)}
    similarity = images @ model.embed_text(texts).T
    found = {}
    for name, questions in asked.items():
        if not questions:
            continue
        right = []
        for image, options in questions.items():
            scores = similarity[image, [row_of[caption] for caption in options]]
            right.append(options[int(scores.argmax())] == tags[image].caption())
        values = [getattr(tags[image], name) for image in questions]
        ((_, most_frequent),) = Counter(values).most_common(1)
        n_options = max(map(len, questions.values()))
        found[name] = TagAccuracy(sum(right) / len(right), most_frequent / len(values), n_options, len(right))
    return found


def _questions(tags: Sequence[CaptionTags], known: Sequence[CaptionTags], name: str) -> Mapping[int, list[str]]:
    """Captions to choose from, one for each known value of one tag, by the index of the image."""
    values = sorted({value for each in known if (value := specific_tag(getattr(each, name))) is not None})
    questions = {}
    for image, own in enumerate(tags):
        options = sorted({replace(own, **{name: value}).caption() for value in values})
        if getattr(own, name) in values and len(options) > 1:
            questions[image] = options
    return questions
