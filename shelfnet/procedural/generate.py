"""The showroom: furniture of our own, as many pieces as asked for."""

import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from shelfnet.procedural.assembly import Model, assemble
from shelfnet.procedural.atlas import draw_atlas
from shelfnet.procedural.finishes import choose_finishes
from shelfnet.procedural.tags import Tags, brief_for, sample_tags
from shelfnet.procedural.thumbnail import draw_thumbnail
from shelfnet.procedural.vocabulary import super_category
from shelfnet.procedural.writer import FOLDER, write_index, write_model

logger = logging.getLogger(__name__)

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "shelfnet/showroom")
THUMBNAIL_PX = 200
MIN_TEXTURE_PX = 32


@dataclass(frozen=True)
class Furniture:
    """One finished piece, still in memory."""

    model_id: str
    tags: Tags
    model: Model
    texture: UInt8[np.ndarray, "t t 3"]

    def record(self) -> dict[str, str | None]:
        """Its entry in ``model_info.json``."""
        return {
            "model_id": self.model_id,
            "super-category": super_category(self.tags.category),
            "category": self.tags.category,
            "style": self.tags.style,
            "theme": self.tags.theme,
            "material": self.tags.material,
        }


def generate_showroom(root: Path, n_models: int, seed: int, texture_px: int) -> list[dict[str, str | None]]:
    """Write a showroom in the layout of 3D-FUTURE and return its index.

    The same arguments give the same bytes; a larger ``n_models`` keeps the first models as they are.

    Args:
        root: folder in which ``3D-FUTURE-model`` appears.
        n_models: how many pieces.
        seed: of everything; not negative.
        texture_px: side length of the textures, at least 32.

    Returns:
        The entries of ``model_info.json``, in order.

    Raises:
        ValueError: an argument out of range.
    """
    if n_models < 1 or seed < 0 or texture_px < MIN_TEXTURE_PX:
        got = f"n_models={n_models}, seed={seed}, texture_px={texture_px}"
        raise ValueError(f"showroom: expected n_models >= 1, seed >= 0, texture_px >= {MIN_TEXTURE_PX}; got {got}")
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    records = []
    for index in range(n_models):
        piece = make_furniture(seed, index, texture_px)
        thumbnail = draw_thumbnail(piece.model, piece.texture, THUMBNAIL_PX)
        write_model(root / FOLDER / piece.model_id, piece.model, piece.texture, thumbnail)
        records.append(piece.record())
    write_index(root, records)
    logger.info("showroom: %d models in %s", n_models, root)
    return records


def make_furniture(seed: int, index: int, texture_px: int) -> Furniture:
    """Piece ``index`` of the showroom of ``seed``; no other piece bears on it."""
    tags = sample_tags(np.random.default_rng([seed, index]))
    return furnish(tags, seed, index, texture_px)


def furnish(tags: Tags, seed: int, index: int, texture_px: int) -> Furniture:
    """A piece with given tags; shape, packing and texture draw from generators of their own."""
    shape_rng, packing_rng, texture_rng = (np.random.default_rng([seed, index, stream]) for stream in (1, 2, 3))
    brief = brief_for(tags, shape_rng)
    assembly = assemble(tags.archetype.build(brief), texture_px, packing_rng)
    finishes = choose_finishes(tags, brief.metal_frame, texture_rng)
    texture = draw_atlas(finishes, tags.theme, assembly.width_m, texture_px, texture_rng)
    model_id = str(uuid.uuid5(NAMESPACE, f"{seed}/{index}"))
    return Furniture(model_id, tags, assembly.model, texture)
