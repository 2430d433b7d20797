"""Generated data sets on disk: layout, OBJ, determinism."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelfnet.procedural import generate_furniture, vocabulary
from shelfnet.procedural.generate import build_piece

Dataset = tuple[Path, list[dict]]
SEED, ON_DISK, TEXTURE_PX = 7, 5, 64
FILES = {"raw_model.obj", "normalized_model.obj", "model.mtl", "texture.png", "image.jpg"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("dataset")
    return root, generate_furniture(root, ON_DISK, SEED, TEXTURE_PX)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def read_obj(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rows: dict[str, list] = {"v": [], "vt": [], "vn": [], "f": []}
    for line in path.read_text().splitlines():
        keyword, *fields = line.split()
        if keyword == "f":
            rows["f"].append([[int(index) for index in corner.split("/")] for corner in fields])
        elif keyword in rows:
            rows[keyword].append([float(field) for field in fields])
    return {key: np.array(rows[key]) for key in ("v", "vt", "vn")}, np.array(rows["f"])


def test_layout_matches_3d_future(dataset: Dataset) -> None:
    root, records = dataset
    folder = root / "3D-FUTURE-model"
    assert {path.name for path in folder.iterdir()} == {"model_info.json", *(r["model_id"] for r in records)}
    assert json.loads((folder / "model_info.json").read_text()) == records
    for record in records:
        assert {path.name for path in (folder / record["model_id"]).iterdir()} == FILES


def test_records_use_the_vocabulary(dataset: Dataset) -> None:
    _, records = dataset
    assert len({record["model_id"] for record in records}) == ON_DISK
    for record in records:
        assert list(record) == ["model_id", "super-category", "category", "style", "theme", "material"]
        assert uuid.UUID(record["model_id"]).version == 5
        assert record["category"] in vocabulary.CATEGORIES[record["super-category"]]
        assert record["style"] in vocabulary.STYLES and record["material"] in vocabulary.MATERIALS
        assert record["theme"] is None or record["theme"] in vocabulary.THEMES


@pytest.mark.parametrize("name", ["raw_model.obj", "normalized_model.obj"])
def test_objs_are_valid_triangle_meshes(dataset: Dataset, name: str) -> None:
    root, records = dataset
    for record in records:
        path = root / "3D-FUTURE-model" / record["model_id"] / name
        arrays, faces = read_obj(path)
        assert faces.shape[1:] == (3, 3) and faces.min() >= 1
        assert (faces.max(axis=(0, 1)) == [len(arrays[key]) for key in ("v", "vt", "vn")]).all()
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert arrays["vt"].min() >= 0.0 and arrays["vt"].max() <= 1.0


def test_normalised_obj_is_the_raw_obj_in_the_unit_box(dataset: Dataset) -> None:
    root, records = dataset
    for record in records:
        folder = root / "3D-FUTURE-model" / record["model_id"]
        raw, normalised = (read_obj(folder / name)[0]["v"] for name in ("raw_model.obj", "normalized_model.obj"))
        low, high = raw.min(axis=0), raw.max(axis=0)
        assert low[1] == 0.0 and np.abs((low + high)[[0, 2]]).max() < 3e-5
        assert 0.3 < (high - low).max() < 1.8
        expected = (raw - 0.5 * (low + high)) / (0.5 * (high - low).max())
        np.testing.assert_allclose(normalised, expected, atol=5e-5)


def test_mtl_names_the_texture_and_obj_names_the_mtl(dataset: Dataset) -> None:
    root, records = dataset
    folder = root / "3D-FUTURE-model" / records[0]["model_id"]
    material = (folder / "model.mtl").read_text()
    obj = (folder / "raw_model.obj").read_text()
    assert "map_Kd texture.png" in material
    name = material.split()[1]
    assert f"usemtl {name}\n" in obj and obj.startswith("mtllib model.mtl\n")


def test_texture_and_thumbnail_sizes(dataset: Dataset) -> None:
    root, records = dataset
    for record in records:
        folder = root / "3D-FUTURE-model" / record["model_id"]
        with Image.open(folder / "texture.png") as texture, Image.open(folder / "image.jpg") as thumbnail:
            assert texture.size == (TEXTURE_PX, TEXTURE_PX)
            pixels = np.asarray(thumbnail.convert("L"))
        assert pixels.shape == (200, 200)
        assert pixels[:4, :4].min() > 245
        assert 0.05 < (pixels < 235).mean() < 0.9


def test_generation_is_deterministic(dataset: Dataset, tmp_path: Path) -> None:
    root, records = dataset
    fewer = generate_furniture(tmp_path, 3, SEED, TEXTURE_PX)
    assert fewer == records[:3]
    mine, theirs = contents(tmp_path), contents(root)
    mine.pop("3D-FUTURE-model/model_info.json")
    assert mine == {name: theirs[name] for name in mine}


def test_another_seed_gives_other_models(dataset: Dataset, tmp_path: Path) -> None:
    records = generate_furniture(tmp_path, 2, SEED + 1, 32)
    assert {record["model_id"] for record in records}.isdisjoint(record["model_id"] for record in dataset[1])


def test_shape_and_texture_vary_for_equal_tags(tagged) -> None:
    tags = tagged("dining_chair", "Nordic", "Cloth")
    first, second, third = (build_piece(tags, seed, index, 32) for seed, index in ((0, 0), (0, 1), (1, 0)))
    for other in (second, third):
        assert not np.allclose(first.mesh.vertices.max(axis=0), other.mesh.vertices.max(axis=0), atol=1e-3)
        assert not np.array_equal(first.texture, other.texture)


def test_overwriting_a_data_set_leaves_it_complete(tmp_path: Path) -> None:
    first = generate_furniture(tmp_path, 1, 0, 32)
    (tmp_path / "3D-FUTURE-model" / first[0]["model_id"] / "stray.txt").write_text("left over")
    generate_furniture(tmp_path, 1, 0, 32)
    assert {path.name for path in (tmp_path / "3D-FUTURE-model" / first[0]["model_id"]).iterdir()} == FILES


@pytest.mark.parametrize(("n_models", "seed", "texture_px"), [(0, 0, 64), (1, -1, 64), (1, 0, 16)])
def test_arguments_out_of_range_are_refused(tmp_path: Path, n_models: int, seed: int, texture_px: int) -> None:
    with pytest.raises(ValueError, match="n_models"):
        generate_furniture(tmp_path, n_models, seed, texture_px)
    assert not any(tmp_path.iterdir())
