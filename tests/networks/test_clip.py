"""Loading, preprocessing and embeddings of CLIP models."""

import hashlib
from copy import deepcopy
from pathlib import Path

import numpy as np
import open_clip
import pytest
import skimage.data
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import load_file, save_file

from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.networks.clip import ClipModel, load_clip, small_clip, with_own_preprocessing

NATURAL = ("astronaut", "coffee", "chelsea", "rocket", "gravel")
PHOTOGRAPHS = sorted((Path(__file__).parents[3] / "shared" / "real").rglob("image.jpg"))[:3]
TAG = "a_tag"


def tiny_clip() -> open_clip.CLIP:
    """A small model with the preprocessing of ViT-B-16."""
    return open_clip.CLIP(**deepcopy(TINY))


TINY = {
    "embed_dim": 16,
    "vision_cfg": {"layers": 1, "width": 32, "head_width": 32, "patch_size": 16, "image_size": 224},
    "text_cfg": {"layers": 1, "width": 32, "heads": 1, "context_length": 77},
}


def with_preprocessing(**changes) -> ClipModel:
    clip = tiny_clip()
    open_clip.model.set_model_preprocess_cfg(clip, {**vars(PreprocessCfg()), **changes})
    return with_own_preprocessing(clip, "ViT-B-16", "random")


@pytest.fixture(scope="module")
def released():
    return with_preprocessing()


@pytest.fixture
def tiny_file(tmp_path, monkeypatch):
    """Weights in a file, and a model ``tiny`` with the tag :data:`TAG` registered in open_clip."""
    clip = tiny_clip()
    path = tmp_path / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, path)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", TINY)
    tag = {"hf_hub": "somebody/tiny/", "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", {TAG: tag})
    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", lambda **_: str(path))
    return path


def fractal_noise(height: int, width: int) -> np.ndarray:
    """Noise with the 1/f spectrum of natural images."""
    spectrum = np.fft.rfft2(np.random.default_rng(0).normal(size=(3, height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    noise = np.fft.irfft2(spectrum / np.maximum(frequency, 1.0 / width), (height, width))
    return np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def matches_open_clip(model: ClipModel, image: Image.Image, config: PreprocessCfg) -> bool:
    """Whether the mean difference from open_clip's transform, which rounds to 8 bits, is below half a level."""
    expected = image_transform_v2(config, is_train=False)(image)
    as_float = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255.0
    half_level = 0.5 / 255.0 / min(config.std)
    return (model.preprocess(as_float)[0] - expected).abs().mean().item() < half_level


@pytest.mark.parametrize("name", NATURAL)
@pytest.mark.parametrize("size_px", [None, (300, 200), (64, 64), (90, 130), (224, 224)])
def test_preprocess_matches_open_clip_on_natural_images(released, name, size_px):
    image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    image = image.resize(size_px, Image.Resampling.LANCZOS) if size_px else image
    assert matches_open_clip(released, image, PreprocessCfg())


@pytest.mark.parametrize("shape", [(64, 64), (447, 331), (33, 300), (500, 230)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("resize_mode", ["shortest", "squash"])
def test_preprocess_matches_open_clip_on_noise(shape, interpolation, resize_mode):
    changes = {"interpolation": interpolation, "resize_mode": resize_mode}
    image = Image.fromarray(fractal_noise(*shape))
    assert matches_open_clip(with_preprocessing(**changes), image, PreprocessCfg(**changes))


@pytest.mark.skipif(not PHOTOGRAPHS, reason="no photographs beside the checkout")
def test_preprocess_matches_open_clip_on_furniture(released):
    for path in PHOTOGRAPHS:
        with Image.open(path) as image:
            assert matches_open_clip(released, image.convert("RGB"), PreprocessCfg())


def test_embed_images_is_differentiable(released):
    image = torch.full((1, 3, 64, 64), 0.4, requires_grad=True)
    released.embed_images(image)[0, 0].backward()
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("otherwise", [{"interpolation": "random"}, {"resize_mode": "longest"}])
def test_unsupported_resizing_is_an_error(otherwise):
    with pytest.raises(ValueError, match=next(iter(otherwise.values()))):
        with_preprocessing(**otherwise)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_load_clip_from_a_file_records_its_digest(tiny_file):
    loaded = load_clip(ClipSettings(source="pretrained", model="tiny", pretrained=str(tiny_file)), None)
    assert torch.equal(loaded.clip.visual.proj, load_file(tiny_file)["visual.proj"])
    assert loaded.weights == f"weights.safetensors sha256:{sha256(tiny_file)}"
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_load_clip_by_tag_records_tag_and_digest(tiny_file):
    loaded = load_clip(ClipSettings(source="pretrained", model="tiny", pretrained=TAG), None)
    assert torch.equal(loaded.clip.visual.proj, load_file(tiny_file)["visual.proj"])
    assert loaded.weights == f"tiny/{TAG} weights.safetensors sha256:{sha256(tiny_file)}"
    assert loaded.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_an_unknown_tag_is_an_error_with_the_known_tags(tiny_file):
    with pytest.raises(FileNotFoundError, match=TAG):
        load_clip(ClipSettings(source="pretrained", model="tiny", pretrained="openai"), None)


def test_a_failed_download_is_an_error(tiny_file, monkeypatch):
    def unreachable(**_):
        raise OSError("no network")

    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", unreachable)
    with pytest.raises(FileNotFoundError, match=r"clip\.pretrained"):
        load_clip(ClipSettings(source="pretrained", model="tiny", pretrained=TAG), None)


def test_a_missing_weights_file_is_an_error(tmp_path):
    settings = ClipSettings(source="pretrained", model="ViT-B-16", pretrained=str(tmp_path / "absent.pt"))
    with pytest.raises(FileNotFoundError, match=r"clip\.pretrained"):
        load_clip(settings, None)


def test_an_untrained_small_model_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="train_clip"):
        load_clip(ClipSettings(source="trained"), tmp_path)


def test_text_embeddings_are_unit_vectors():
    model = small_clip(ClipTraining(width=32, layers=1, embed_dim=8, image_px=32))
    embedded = model.embed_text(["a chair", "a modern stool made out of wood", "a chair"])
    assert torch.allclose(embedded.norm(dim=1), torch.ones(3), atol=1e-6)
    assert torch.equal(embedded[0], embedded[2])


@torch.no_grad()
def test_small_clip_embeds_texts_as_open_clip_does():
    """It skips padding, and neither the longest text nor the others are changed by that."""
    small = small_clip(ClipTraining(width=32, layers=2, embed_dim=16))
    tokens = small.tokens(["A chair", "A Chinoiserie Classic Chinese Chair made out of Solid Wood", "chair " * 40])
    for texts in (tokens[:1], tokens[:2], tokens):
        torch.testing.assert_close(small.clip.encode_text(texts), open_clip.CLIP.encode_text(small.clip, texts))
