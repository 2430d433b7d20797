"""Write pieces in the 3D-FUTURE layout: OBJ, MTL, PNG, JPEG and ``model_info.json``."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from shelfnet.procedural.assembly import FurnitureMesh
from shelfnet.publishing import complete_file, complete_folder

FOLDER = "3D-FUTURE-model"
INDEX = "model_info.json"
MATERIAL_NAME = "mat_001"

MTL = f"""newmtl {MATERIAL_NAME}
\tNs 10.0000
\tNi 1.5000
\td 1.0000
\tTr 0.0000
\tillum 2
\tKa 1.0000 1.0000 1.0000
\tKd 1.0000 1.0000 1.0000
\tKs 0.0000 0.0000 0.0000
\tmap_Ka texture.png
\tmap_Kd texture.png
"""


def write_model(folder: Path, mesh: FurnitureMesh, texture: UInt8[np.ndarray, "t t 3"], thumbnail: Image.Image) -> None:
    """Write the five files of a piece; its folder appears complete or not at all."""
    surface = _surface_lines(mesh)
    with complete_folder(folder) as temporary:
        for name, vertices in (("raw_model.obj", mesh.vertices), ("normalized_model.obj", mesh.normalised_vertices())):
            (temporary / name).write_text(f"mtllib model.mtl\n{_rows('v', vertices, 5)}{surface}")
        (temporary / "model.mtl").write_text(MTL)
        Image.fromarray(texture).save(temporary / "texture.png", compress_level=6)
        thumbnail.save(temporary / "image.jpg", quality=88)


def write_index(root: Path, records: Sequence[dict[str, str | None]]) -> None:
    """Write ``model_info.json``."""
    with complete_file(root / FOLDER / INDEX) as temporary:
        temporary.write_text(json.dumps(list(records), indent=2) + "\n")


def _surface_lines(mesh: FurnitureMesh) -> str:
    """OBJ lines shared by the raw and the normalised model: texture coordinates, normals and faces."""
    header = f"g solid_001\nusemtl {MATERIAL_NAME}\n"
    corners = np.stack([mesh.faces, mesh.uv_faces, mesh.normal_faces], axis=2) + 1
    return _rows("vt", mesh.uvs, 5) + _rows("vn", mesh.normals, 4) + header + _faces(corners)


def _rows(keyword: str, rows: Float[np.ndarray, "n d"], decimals: int) -> str:
    line = f"{keyword}{f' %.{decimals}f' * rows.shape[1]}\n"
    return (line * len(rows)) % tuple((np.round(rows, decimals) + 0.0).ravel().tolist())


def _faces(corners: Int[np.ndarray, "f 3 3"]) -> str:
    return ("f %d/%d/%d %d/%d/%d %d/%d/%d\n" * len(corners)) % tuple(corners.ravel().tolist())
