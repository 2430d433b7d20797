"""Valid files of every kind, small and with many features, to be damaged."""

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from shelfnet.data import discovered_views, predictions, surfaces
from shelfnet.data.catalogue import models as catalogue
from shelfnet.data.catalogue.models import CatalogueModel
from shelfnet.data.predictions import Prediction
from shelfnet.data.shards import schema
from shelfnet.data.surfaces import SurfaceSamples
from shelfnet.geometry.meshes import Mesh
from shelfnet.training import curves

OBJ = b"""# a chair of a kind
mtllib model.mtl
o box
v 0 0 0
v 2.0 0 0
v 2.0 1.5e0 0
v 0 1.5 0
v 0 0 1
v 2 0 1
v 2 1.5 1
v 0 1.5 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 -1
vn 0 0 1
s off
usemtl wood
f 1/1/1 4/4/1 3/3/1 2/2/1
f 5/1/2 6/2/2 7/3/2 8/4/2
g side
f 1 2 6 5
usemtl tin
f 3//1 4//1 8//1 7//1
f 2/1 3/2 7/3 6/4
s 1
f -8 -5 -1
f 4 1 \\
 5
"""

MTL = b"""newmtl wood
Kd 0.5 0.25 1e-1
Ks 0 0 0
map_Kd -s 1 1 1 texture.png
newmtl tin
Kd 1 1 1
map_Kd texture.png
d 0.5
"""

_TAGS = {"super-category": "Chair", "category": "Dining Chair", "style": "Modern", "theme": None, "material": "Wood"}
INFO = json.dumps([{"model_id": f"0a{n}-b", **_TAGS} for n in range(4)], indent=1).encode()


def png_files() -> list[bytes]:
    """PNGs of several modes."""
    grid = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16)
    images = [
        Image.fromarray(np.stack([grid] * 4, axis=-1)),
        Image.fromarray(np.stack([grid, grid.T, grid], axis=-1)),
        Image.fromarray(grid),
        Image.fromarray(grid.astype(np.uint16) * 200),
        Image.fromarray(grid).convert("P"),
    ]
    return [_png(image) for image in images]


def shard() -> bytes:
    """Images of three models in two splits."""
    stream = io.BytesIO()
    png = png_files()[0]
    rows = [_image_row(model, split, view, png) for model, split in _MODELS for view in range(3)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema.SCHEMA), stream, compression="zstd")
    return stream.getvalue()


def surface_shard() -> bytes:
    """Surfaces of three models, one row group per model."""
    stream = io.BytesIO()
    grid = np.zeros((32, 32, 32), dtype=bool)
    mesh = Mesh(np.eye(3), np.array([[0, 1, 2]]))
    surface = SurfaceSamples(np.zeros((8, 3), np.float32), np.ones((8, 3), np.float32), grid, "test", mesh)
    rows = [surfaces._row(model, replace(surface, split=split)) for model, split in _MODELS]
    schema = surfaces.SCHEMA.with_metadata({surfaces.REFUSED: '["d"]'})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), stream, row_group_size=1)
    return stream.getvalue()


def models() -> bytes:
    """A catalogue of three models."""
    stream = io.BytesIO()
    tags = {"super_category": "Chair", "material": "Wood", "caption": "A chair"}
    measures = {"n_vertices": 8, "n_faces": 12, "longest_side_m": 1.0, "textured": True}
    rows = [
        CatalogueModel(model_id=model, split=split, shard=0, obj_path=f"{model}/o.obj", **tags, **measures)
        for model, split in _MODELS
    ]
    pq.write_table(pa.Table.from_pylist([vars(row) for row in rows], schema=catalogue.SCHEMA), stream)
    return stream.getvalue()


def predicted() -> bytes:
    """Predictions of three views, one of them empty."""
    stream = io.BytesIO()
    whole = Prediction("a", "test", 0, "coarse", "ok", "a_000.glb", 10.0, 5.0, 8, 12, 0.5, 0.1)
    rows = [whole, replace(whole, view=1, mesh="a_001.glb"), replace(whole, view=2, status="empty", mesh=None)]
    pq.write_table(pa.Table.from_pylist([vars(row) for row in rows], schema=predictions.SCHEMA), stream)
    return stream.getvalue()


def views() -> bytes:
    """Discovered views of three images."""
    columns = [["Chair", None, "Sofa"], [0, 1, 1], *([[10.0, 20.0, 30.0]] * 4), [[0.5, 0.5]] * 3]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, discovered_views.SCHEMA, strict=True)]
    stream = io.BytesIO()
    schema = discovered_views.SCHEMA.with_metadata({discovered_views.DATASET_DIGEST: b"7"})
    pq.write_table(pa.table(arrays, schema=schema), stream, compression="zstd")
    return stream.getvalue()


def metrics() -> bytes:
    """Curves of a training run."""
    names = ["loss/total", "validation/chamfer", "validation/mask_iou"] * 2
    stream = io.BytesIO()
    pq.write_table(pa.table([[1, 1, 1, 2, 2, 2], names, [0.5] * 6], schema=curves.SCHEMA), stream)
    return stream.getvalue()


def tags() -> bytes:
    """A user's table of tags of three models."""
    columns = {"Model ID": ["a", "b", "c"], "file": ["a/o.obj", "b/o.obj", None], **_TAG_COLUMNS, "price": [1.5, 2, 3]}
    return _table(columns)


def photographs() -> bytes:
    """Tags of three photographs."""
    columns = {
        "photo": ["a.jpg", "b.jpg", "c.png"],
        "object_id": ["x", "x", None],
        **_TAG_COLUMNS,
        "theme": [1, 2, None],
    }
    return _table(columns | {"caption": ["A chair", None, "A chair of a kind"]})


_TAG_COLUMNS = {
    "super_category": ["Chair", "Chair", "Sofa"],
    "category": ["Dining Chair", "Stool", None],
    "style": ["Modern", None, "Modern"],
    "material": ["Wood", "Metal", "Cloth"],
}


def _table(columns: dict[str, list]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


_MODELS = (("a", "train"), ("b", "test"), ("c", "test"))


def _image_row(model_id: str, split: str, view: int, png: bytes) -> dict:
    return {
        "model_id": model_id,
        "split": split,
        "view": view,
        "image": {"bytes": png, "path": "x.png"},
        "caption": "A chair",
        "category": None,
        "super_category": "Chair",
        "style": "Modern",
        "theme": None,
        "material": "Wood",
        "azimuth_deg": 10.0,
        "elevation_deg": 5.0,
        "cam2world": np.eye(4).ravel().tolist(),
        "fov_deg": 35.0,
        "engine": "pyrender",
        "seed": 7,
    }


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
