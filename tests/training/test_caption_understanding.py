"""Recognition of single tags by a CLIP model."""

import numpy as np
import pytest
import torch

from shelfnet.data.shards.reader import TrainingViews
from shelfnet.networks.clip import ClipModel
from shelfnet.training.caption_understanding import CaptionTags, measure_tags

STYLES, MATERIALS = ("Modern", "Rustic"), ("Wood", "Metal", "Fabric")


class ColourClip(ClipModel):
    """Knows materials by colour and nothing else: red is wood, green is metal, blue is fabric."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.image_px = 8
        self.register_buffer("mean", torch.zeros(1))

    def embed_images(self, images):
        return torch.nn.functional.normalize(images.mean(dim=(2, 3)), dim=1)

    def embed_text(self, texts, batch=256):
        rows = [[float(text.endswith(material)) for material in MATERIALS] for text in texts]
        return torch.tensor(rows)


def image_of(material: str) -> np.ndarray:
    image = np.full((8, 8, 4), 255, dtype=np.uint8)
    image[..., :3] = np.eye(3, dtype=np.uint8)[MATERIALS.index(material)] * 255
    return image


def measured(tags, shown, known=None):
    views = TrainingViews(np.stack([image_of(material) for material in shown]), tuple(tag.caption() for tag in tags))
    return measure_tags(ColourClip(), views, tags, tags if known is None else known)


def test_what_the_model_sees_is_recognised_and_the_rest_is_not():
    tags = [CaptionTags(style, "Armchair", material) for style in STYLES for material in MATERIALS for _ in range(2)]
    found = measured(tags, [tag.material for tag in tags])
    assert found.keys() == {"style", "material"}, "one category is no question"
    assert (found["material"].accuracy, found["material"].values, found["material"].images) == (1.0, 3, 12)
    assert found["material"].majority == pytest.approx(1 / 3)
    assert found["style"].accuracy == pytest.approx(found["style"].majority) == pytest.approx(0.5)


def test_wrong_colours_are_wrong_answers():
    tags = [CaptionTags(None, "Armchair", material) for material in MATERIALS]
    assert measured(tags, MATERIALS[1:] + MATERIALS[:1])["material"].accuracy == 0.0


def test_values_unknown_in_training_and_missing_ones_do_not_count():
    tags = [CaptionTags(None, None, material) for material in ("Wood", "Fabric", None, "Others")]
    known = [CaptionTags(None, None, material) for material in ("Wood", "Metal", "Others", None)]
    found = measured(tags, ["Wood", "Fabric", "Wood", "Wood"], known)
    assert (found["material"].values, found["material"].images, found["material"].accuracy) == (2, 1, 1.0)
    assert measured([CaptionTags(None, None, None)], ["Wood"]) == {}
