"""CLIP models of open_clip: released ones, or the small one trained by the rule ``train_clip``."""

import json
from collections.abc import Callable
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
from shelfnet.provenance import file_digest

Interpolation = Literal["bilinear", "bicubic"]
ResizeMode = Literal["shortest", "squash"]

TEXT_CONTEXT = 24
VISION_PATCH_PX = 8


class ClipModel(nn.Module):
    """CLIP with differentiable preprocessing: images in [0, 1] of any size to unit embeddings.

    Args:
        clip: Model of open_clip.
        tokenize: Tokenizer from texts to token ids.
        image_px: Side of the model's input images in pixels.
        mean: Channel means of the input normalisation.
        std: Channel standard deviations of the input normalisation.
        interpolation: Interpolation of the model's resizing.
        resize_mode: Treatment of images that are not square: ``shortest`` crops the centre, ``squash`` distorts.
        weights: Description of the weights for provenance: tag, file name and SHA-256.
    """

    clip: Any
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        clip: nn.Module,
        tokenize: Callable[[list[str]], Tensor],
        image_px: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
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
        """Differentiable version of the model's own transform, without its rounding to 8 bits."""
        size = self._resized(*images.shape[-2:])
        resized = functional.interpolate(images, size, mode=self.interpolation, antialias=True, align_corners=False)
        return (center_crop(resized, [self.image_px, self.image_px]) - self.mean) / self.std

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width before the centre crop, truncated as in torchvision."""
        if self.resize_mode == "squash":
            return self.image_px, self.image_px
        shorter = min(height, width)
        return self.image_px * height // shorter, self.image_px * width // shorter

    def embed_images(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Unit image embeddings, differentiable in the images."""
        return functional.normalize(self.clip.encode_image(self.preprocess(images)), dim=1)

    def tokens(self, texts: list[str]) -> Tensor:
        """Token ids of texts, ``n context``."""
        return self.tokenize(texts).to(self.mean.device)

    def embed_tokens(self, tokens: Tensor) -> Float[Tensor, "n d"]:
        """Unit text embeddings of token ids."""
        return functional.normalize(self.clip.encode_text(tokens), dim=1)

    @torch.no_grad()
    def embed_text(self, texts: list[str], batch: int = 256) -> Float[Tensor, "n d"]:
        """Unit text embeddings, without gradients."""
        tokens = self.tokens(texts)
        return torch.cat([self.embed_tokens(part) for part in tokens.split(batch)])


class _SmallClip(open_clip.CLIP):
    """open_clip's model without the computation for padding, which takes half of the time of the short captions."""

    token_embedding: Any
    ln_final: Any
    transformer: Any
    positional_embedding: Tensor
    attn_mask: Tensor
    text_projection: Tensor

    def encode_text(self, text: Tensor, normalize: bool = False) -> Tensor:
        """Text embeddings; attention is causal, so that tokens after the end of the longest text change nothing."""
        ends = text.argmax(dim=1)  # the end token has the largest id
        used = int(ends.max()) + 1
        embedded = self.token_embedding(text[:, :used]) + self.positional_embedding[:used]
        attended = self.ln_final(self.transformer(embedded, attn_mask=self.attn_mask[:used, :used]))
        features = attended[torch.arange(len(text), device=text.device), ends] @ self.text_projection
        return functional.normalize(features, dim=-1) if normalize else features


def small_clip(settings: ClipTraining) -> ClipModel:
    """An untrained CLIP model small enough to train on a few thousand images in minutes."""
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
    clip = _SmallClip(settings.embed_dim, vision, text)
    tokenizer = open_clip.SimpleTokenizer(context_length=TEXT_CONTEXT)
    return ClipModel(clip, tokenizer, settings.image_px, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def load_clip(settings: ClipSettings, trained: Path | None) -> ClipModel:
    """The configured CLIP model, frozen.

    Args:
        settings: Source and name of the model.
        trained: Folder of the small model, for ``clip.source: trained``.

    Raises:
        FileNotFoundError: The weights are not available.
    """
    model = _load_small(trained) if settings.source == "trained" else _load_released(settings)
    return model.eval().requires_grad_(False)


def _load_small(folder: Path | None) -> ClipModel:
    if folder is None or not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"clip.source: trained: expected the output of the rule train_clip in {folder}")
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
    """Description of the weights, which are downloaded into open_clip's cache if ``clip.pretrained`` is a tag.

    Raises:
        FileNotFoundError: ``clip.pretrained`` is neither a tag of the model nor a file.
    """
    pretrained = open_clip.get_pretrained_cfg(settings.model, settings.pretrained)
    if pretrained:
        return f"{settings.model}/{settings.pretrained} {_file_record(Path(open_clip.download_pretrained(pretrained)))}"
    local = Path(settings.pretrained)
    if not local.is_file():
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(settings.model)) or "none"
        raise FileNotFoundError(f"neither a file nor a tag; open_clip's tags of this model: {tags}")
    return _file_record(local)


def with_own_preprocessing(clip: nn.Module, name: str, weights: str) -> ClipModel:
    """A model of open_clip with the input size, normalisation and resizing that open_clip defines for it.

    Raises:
        ValueError: The model's resizing is not supported.
    """
    preprocessing = open_clip.get_model_preprocess_cfg(clip)
    interpolation, resize_mode = preprocessing["interpolation"], preprocessing["resize_mode"]
    size = preprocessing["size"]
    if interpolation not in get_args(Interpolation) or resize_mode not in get_args(ResizeMode):
        raise ValueError(
            f"clip: {name} resizes images by {interpolation!r} and {resize_mode!r}; expected one of "
            f"{', '.join(get_args(Interpolation))} and one of {', '.join(get_args(ResizeMode))}"
        )
    return ClipModel(
        clip,
        open_clip.get_tokenizer(name),
        size if isinstance(size, int) else size[0],
        tuple(preprocessing["mean"]),
        tuple(preprocessing["std"]),
        interpolation,
        resize_mode,
        weights,
    )


def _file_record(path: Path) -> str:
    return f"{path.name} sha256:{file_digest(path)}"
