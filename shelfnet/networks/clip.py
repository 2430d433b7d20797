"""CLIP through open_clip: a released model, or the small one that the embedded default trains."""

import json
from pathlib import Path
from typing import Any, Literal, get_args

import open_clip
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.functional import center_crop

from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.networks.pillow_resize import Interpolation, resize_as_bytes
from shelfnet.provenance import file_digest

ResizeMode = Literal["shortest", "squash"]

TEXT_CONTEXT = 24
VISION_PATCH_PX = 8


class ClipModel(nn.Module):
    """A CLIP with its own preprocessing done differentiably: images in [0, 1] of any size in, unit vectors out.

    Args:
        clip: open_clip's model.
        tokenize: texts to token ids.
        image_px: side of the images it was trained on.
        mean: of its normalisation, a number a channel.
        std: likewise.
        interpolation: with which it was trained to bring images to that side.
        resize_mode: what it was trained to make of images that are not square: ``shortest`` cuts the middle out,
            ``squash`` distorts them.
        weights: what its weights are, for the record: their tag, if any, and their file's name and SHA-256.
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenize: Any,
        image_px: int,
        mean: tuple,
        std: tuple,
        interpolation: Interpolation = "bilinear",
        resize_mode: ResizeMode = "shortest",
        weights: str = "untrained",
    ) -> None:
        super().__init__()
        self.clip = clip
        self.tokenize = tokenize
        self.image_px = image_px
        self.interpolation: Interpolation = interpolation
        self.resize_mode = resize_mode
        self.weights = weights
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def preprocess(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 p p"]:
        """open_clip's own transform, differentiably and where the images are.

        The model was trained on 8-bit images that Pillow resized, so that is what it sees here: the same to the last
        bit for images of bytes, while gradients are those of the arithmetic without rounding
        (:func:`~shelfnet.networks.pillow_resize.resize_as_bytes`).
        """
        pixels = resize_as_bytes(images, self._resized(*images.shape[-2:]), self.interpolation)
        return (center_crop(pixels, [self.image_px, self.image_px]) - self.mean) / self.std

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image before the middle is cut out; truncated as torchvision does."""
        if self.resize_mode == "squash":
            return self.image_px, self.image_px
        shorter = min(height, width)
        return self.image_px * height // shorter, self.image_px * width // shorter

    def embed_images(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Unit image embeddings, differentiable in the images."""
        return functional.normalize(self.clip.encode_image(self.preprocess(images)), dim=1)

    def tokens(self, texts: list[str]) -> Tensor:
        """Token ids ``n context`` of texts."""
        return self.tokenize(texts).to(self.mean.device)

    def embed_tokens(self, tokens: Tensor) -> Float[Tensor, "n d"]:
        """Unit text embeddings of token ids."""
        return functional.normalize(self.clip.encode_text(tokens), dim=1)

    @torch.no_grad()
    def embed_text(self, texts: list[str], batch: int = 256) -> Float[Tensor, "n d"]:
        """Unit text embeddings, without gradients."""
        tokens = self.tokens(texts)
        return torch.cat([self.embed_tokens(part) for part in tokens.split(batch)])


def small_clip(settings: ClipTraining) -> ClipModel:
    """An untrained open_clip model of the size that learns from a few thousand images in minutes."""
    vision = open_clip.CLIPVisionCfg(
        layers=settings.layers,
        width=settings.width,
        head_width=32,
        patch_size=VISION_PATCH_PX,
        image_size=settings.image_px,
    )
    text = open_clip.CLIPTextCfg(
        context_length=TEXT_CONTEXT, width=settings.width, heads=settings.width // 32, layers=settings.layers
    )
    clip = open_clip.CLIP(settings.embed_dim, vision, text)
    tokenizer = open_clip.SimpleTokenizer(context_length=TEXT_CONTEXT)
    return ClipModel(clip, tokenizer, settings.image_px, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def load_clip(settings: ClipSettings, trained: Path | None) -> ClipModel:
    """The frozen CLIP of a run.

    Args:
        settings: which one.
        trained: folder of the small model, where ``clip.source`` is ``trained``.

    Raises:
        FileNotFoundError: its weights cannot be had; the message says what to do.
    """
    model = _load_small(trained) if settings.source == "trained" else _load_released(settings)
    return model.eval().requires_grad_(False)


def _load_small(folder: Path | None) -> ClipModel:
    if folder is None or not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"clip.source: trained needs the model that the rule train_clip makes, not at {folder}")
    description = json.loads((folder / "model.json").read_text())
    model = small_clip(ClipTraining.model_validate(description["settings"]["training"]))
    model.clip.load_state_dict(load_file(folder / "model.safetensors"))
    model.weights = _file_record(folder / "model.safetensors")
    return model


def _load_released(settings: ClipSettings) -> ClipModel:
    try:
        weights = _released_weights(settings)
        clip = open_clip.create_model(settings.model, pretrained=settings.pretrained)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"clip: cannot load {settings.model!r} with pretrained {settings.pretrained!r} ({error}); set "
            "clip.pretrained to a local weights file or a tag that is cached, or clip.source: trained"
        ) from error
    return with_own_preprocessing(clip, settings.model, weights)


def _released_weights(settings: ClipSettings) -> str:
    """The record of a tag's file in open_clip's cache, fetched if need be, or of the local file.

    Raises:
        FileNotFoundError: ``clip.pretrained`` is neither a tag of the model nor a file.
    """
    of_tag = open_clip.get_pretrained_cfg(settings.model, settings.pretrained)
    if of_tag:
        return f"{settings.model}/{settings.pretrained} {_file_record(Path(open_clip.download_pretrained(of_tag)))}"
    local = Path(settings.pretrained)
    if not local.is_file():
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(settings.model)) or "none"
        raise FileNotFoundError(f"neither a file nor a tag; open_clip's tags of this model: {tags}")
    return _file_record(local)


def with_own_preprocessing(clip: nn.Module, name: str, weights: str) -> ClipModel:
    """A model of open_clip with the size, normalisation and resizing that open_clip gives it.

    Raises:
        ValueError: it wants its images resized in a way that is not known here.
    """
    wanted = open_clip.get_model_preprocess_cfg(clip)
    interpolation, resize_mode, size = wanted["interpolation"], wanted["resize_mode"], wanted["size"]
    if interpolation not in get_args(Interpolation) or resize_mode not in get_args(ResizeMode):
        raise ValueError(
            f"clip: {name} resizes images by {interpolation!r} and {resize_mode!r}; expected one of "
            f"{', '.join(get_args(Interpolation))} and one of {', '.join(get_args(ResizeMode))}"
        )
    return ClipModel(
        clip,
        open_clip.get_tokenizer(name),
        size if isinstance(size, int) else size[0],
        tuple(wanted["mean"]),
        tuple(wanted["std"]),
        interpolation,
        resize_mode,
        weights,
    )


def _file_record(path: Path) -> str:
    return f"{path.name} sha256:{file_digest(path)}"
