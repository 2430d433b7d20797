"""Generate a data set of procedural furniture."""

import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from shelfnet.procedural.assembly import FurnitureMesh, assemble
from shelfnet.procedural.atlas import draw_atlas
from shelfnet.procedural.finishes import choose_finishes
from shelfnet.procedural.tags import FurnitureTags, design_for, sample_tags
from shelfnet.procedural.thumbnail import draw_thumbnail
from shelfnet.procedural.vocabulary import super_category
from shelfnet.procedural.writer import FOLDER, write_index, write_model

log = logging.getLogger(__name__)

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "shelfnet/showroom")
THUMBNAIL_PX = 200
MIN_TEXTURE_PX = 32


@dataclass(frozen=True)
class Furniture:
    """One generated piece: tags, mesh and texture."""

    model_id: str
    tags: FurnitureTags
    mesh: FurnitureMesh
    texture: UInt8[np.ndarray, "t t 3"]

    def record(self) -> dict[str, str | None]:
        """Entry of this piece in ``model_info.json``."""
        return {
            "model_id": self.model_id,
            "super-category": super_category(self.tags.category),
            "category": self.tags.category,
            "style": self.tags.style,
            "theme": self.tags.theme,
            "material": self.tags.material,
        }


def generate_furniture(root: Path, n_models: int, seed: int, texture_px: int) -> list[dict[str, str | None]]:
    """Write a data set of procedural furniture in the 3D-FUTURE layout.

    The same arguments give the same bytes; a larger ``n_models`` keeps the first models unchanged.

    Args:
        root: Folder that will hold ``3D-FUTURE-model``.
        n_models: Number of pieces, at least 1.
        seed: Random seed, not negative.
        texture_px: Texture side in pixels, at least 32.

    Returns:
        Entries of ``model_info.json``, in order.

    Raises:
        ValueError: An argument is out of range.
    """
    if n_models < 1 or seed < 0 or texture_px < MIN_TEXTURE_PX:
        got = f"n_models={n_models}, seed={seed}, texture_px={texture_px}"
        raise ValueError(f"showroom: expected n_models >= 1, seed >= 0, texture_px >= {MIN_TEXTURE_PX}; got {got}")
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    records = []
    for index in range(n_models):
        piece = generate_piece(seed, index, texture_px)
        thumbnail = draw_thumbnail(piece.mesh, piece.texture, THUMBNAIL_PX)
        write_model(root / FOLDER / piece.model_id, piece.mesh, piece.texture, thumbnail)
        records.append(piece.record())
    write_index(root, records)
    log.info("showroom: %d models in %s", n_models, root)
    return records


def generate_piece(seed: int, index: int, texture_px: int) -> Furniture:
    """Generate piece ``index`` of the data set with this ``seed``, independently of all other pieces."""
    tags = sample_tags(np.random.default_rng([seed, index]))
    return build_piece(tags, seed, index, texture_px)


def build_piece(tags: FurnitureTags, seed: int, index: int, texture_px: int) -> Furniture:
    """Generate a piece with given tags; shape, UV packing and texture have separate random generators."""
    shape_rng, packing_rng, texture_rng = (np.random.default_rng([seed, index, stream]) for stream in (1, 2, 3))
    design = design_for(tags, shape_rng)
    assembly = assemble(tags.archetype.build(design), texture_px, packing_rng)
    finishes = choose_finishes(tags, design.metal_frame, texture_rng)
    texture = draw_atlas(finishes, tags.theme, assembly.width_m, texture_px, texture_rng)
    model_id = str(uuid.uuid5(NAMESPACE, f"{seed}/{index}"))
    return Furniture(model_id, tags, assembly.mesh, texture)
