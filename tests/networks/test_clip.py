import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.networks.clip import load_clip, small_clip, with_own_preprocessing
from shelfnet.provenance import files_digest

NATURAL = ("astronaut", "coffee", "chelsea", "rocket")


def tiny_released() -> open_clip.CLIP:
    """A model with ViT-B-16's preprocessing, and hardly any weights."""
    vision = open_clip.CLIPVisionCfg(layers=1, width=32, head_width=32, patch_size=16, image_size=224)
    text = open_clip.CLIPTextCfg(context_length=77, width=32, heads=1, layers=1)
    return open_clip.CLIP(16, vision, text)


@pytest.fixture(scope="module")
def released():
    clip = tiny_released()
    open_clip.model.set_model_preprocess_cfg(clip, open_clip.transform.PreprocessCfg().__dict__)
    return with_own_preprocessing(clip, "ViT-B-16", "random")


@pytest.mark.parametrize("name", NATURAL)
@pytest.mark.parametrize("side_px", [512, 300, 64])
def test_preprocessing_is_open_clips_on_natural_pictures(released, name, side_px):
    from skimage import data

    pixels = getattr(data, name)()
    side = min(pixels.shape[:2])
    picture = Image.fromarray(pixels[:side, :side]).resize((side_px, side_px), Image.Resampling.LANCZOS)
    theirs = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(), is_train=False)(picture)
    as_float = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255.0
    difference = ((released.preprocess(as_float)[0] - theirs) * released.std).abs()
    assert difference.max() < 1e-2


def test_preprocessing_is_differentiable_in_the_picture(released):
    picture = torch.full((1, 3, 64, 64), 0.4, requires_grad=True)
    released.embed_images(picture)[0, 0].backward()
    assert picture.grad.abs().sum() > 0


def test_a_model_that_resizes_otherwise_is_refused():
    clip = tiny_released()
    wanted = {**open_clip.transform.PreprocessCfg().__dict__, "interpolation": "random"}
    open_clip.model.set_model_preprocess_cfg(clip, wanted)
    with pytest.raises(ValueError, match="random"):
        with_own_preprocessing(clip, "ViT-B-16", "random")


def test_released_weights_from_a_local_file_are_those_and_leave_their_digest(tmp_path):
    clip = open_clip.create_model("ViT-B-32-quickgelu", load_weights=False)
    path = tmp_path / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, path)
    settings = ClipSettings(source="pretrained", model="ViT-B-32-quickgelu", pretrained=str(path))
    loaded = load_clip(settings, None)
    assert torch.equal(loaded.clip.visual.proj, clip.visual.proj)
    assert loaded.weights == f"weights.safetensors sha256:{files_digest([path])}"
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_weights_that_cannot_be_had_are_an_error_with_a_remedy(tmp_path):
    settings = ClipSettings(source="pretrained", model="ViT-B-16", pretrained=str(tmp_path / "absent.pt"))
    with pytest.raises(FileNotFoundError, match=r"clip\.pretrained"):
        load_clip(settings, None)


def test_the_small_model_must_have_been_trained(tmp_path):
    with pytest.raises(FileNotFoundError, match="train_clip"):
        load_clip(ClipSettings(source="trained"), tmp_path)


def test_text_embeddings_are_unit_vectors_one_a_caption():
    model = small_clip(ClipTraining(width=32, layers=1, embed_dim=8, image_px=32))
    embedded = model.embed_text(["a chair", "a modern stool made out of wood", "a chair"])
    assert torch.allclose(embedded.norm(dim=1), torch.ones(3), atol=1e-6)
    assert torch.equal(embedded[0], embedded[2])
