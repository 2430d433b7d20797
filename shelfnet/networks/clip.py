"""CLIP through open_clip: a released model, or the small one that the embedded default trains."""

import json
from pathlib import Path
from typing import Any, Literal

import open_clip
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.provenance import files_digest

Interpolation = Literal["bilinear", "bicubic"]

TEXT_CONTEXT = 24
VISION_PATCH_PX = 8


class ClipModel(nn.Module):
    """A CLIP with its own preprocessing done differentiably: pictures in [0, 1] of any size in, unit vectors out.

    Args:
        clip: open_clip's model.
        tokenize: texts to token ids.
        image_px: side of the pictures it was trained on.
        mean: of its normalisation, a number a channel.
        std: likewise.
        interpolation: with which it was trained to bring pictures to that side.
        weights: what its weights are, for the record: a tag, or a file's name and digest.
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenize: Any,
        image_px: int,
        mean: tuple,
        std: tuple,
        interpolation: Interpolation = "bilinear",
        weights: str = "untrained",
    ) -> None:
        super().__init__()
        self.clip = clip
        self.tokenize = tokenize
        self.image_px = image_px
        self.interpolation = interpolation
        self.weights = weights
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def preprocess(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 p p"]:
        """What open_clip's own transform does to square pictures, differentiably and where they are.

        Like Pillow's, an enlargement goes along rows, then columns, and is cut to [0, 1] after each.
        """
        pixels = images
        for size in ((images.shape[-2], self.image_px), (self.image_px, self.image_px)):
            if pixels.shape[-2:] != size:
                pixels = functional.interpolate(pixels, size, mode=self.interpolation, antialias=True)
                pixels = pixels.clamp(0.0, 1.0)
        return (pixels - self.mean) / self.std

    def embed_images(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Unit image embeddings, differentiable in the pictures."""
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
    """An untrained open_clip model of the size that learns from a few thousand pictures in minutes."""
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
        clip = open_clip.create_model(settings.model, pretrained=settings.pretrained)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"clip: cannot load {settings.model!r} with pretrained {settings.pretrained!r} ({error}); set "
            "clip.pretrained to a local weights file or a tag that is cached, or clip.source: trained"
        ) from error
    local = Path(settings.pretrained)
    weights = _file_record(local) if local.is_file() else f"{settings.model}/{settings.pretrained}"
    return with_own_preprocessing(clip, settings.model, weights)


def with_own_preprocessing(clip: nn.Module, name: str, weights: str) -> ClipModel:
    """A model of open_clip with the size, normalisation and interpolation that open_clip gives it.

    Raises:
        ValueError: it wants its pictures resized in a way that is not known here.
    """
    wanted = open_clip.get_model_preprocess_cfg(clip)
    interpolation = wanted["interpolation"]
    if interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"clip: {name} resizes pictures by {interpolation!r}; expected bilinear or bicubic")
    size = wanted["size"]
    return ClipModel(
        clip,
        open_clip.get_tokenizer(name),
        size if isinstance(size, int) else size[0],
        tuple(wanted["mean"]),
        tuple(wanted["std"]),
        interpolation,
        weights,
    )


def _file_record(path: Path) -> str:
    return f"{path.name} sha256:{files_digest([path])}"
