"""For every accepted model, the renderers and the evaluation see the same surface."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from shelfnet.blender.models import imported_model
from shelfnet.blender.scene import CyclesQuality, build_scene
from shelfnet.data.obj.reader import ModelError, load_obj
from shelfnet.geometry.meshes import Mesh, normalise
from shelfnet.preview.models import load_submeshes
from shelfnet.procedural.generate import generate_furniture
from tests.fuzz import seeds
from tests.fuzz.mutations import TEXT, mutate

SEED = 21
DAMAGED = 150
MAX_FACES = 500_000
REAL = Path(__file__).parents[3] / "shared" / "real" / "dev" / "3D-FUTURE-model"


@pytest.fixture(scope="module")
def scene() -> bpy.types.Scene:
    return build_scene(CyclesQuality(16, samples=1, denoise=False), fov=0.6, threads=1)


def distinct_area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Surface area without duplicate faces, which Blender drops."""
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return float(Mesh(np.asarray(vertices, np.float64), np.asarray(faces[first], np.int64)).face_areas().sum())


def blender_area(scene: bpy.types.Scene, path: Path) -> float:
    with imported_model(scene, path) as model:
        mesh = model.data
        mesh.calc_loop_triangles()
        vertices, faces = np.empty(3 * len(mesh.vertices)), np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.vertices.foreach_get("co", vertices)
        mesh.loop_triangles.foreach_get("vertices", faces)
    return distinct_area(vertices.reshape(-1, 3), faces.reshape(-1, 3))


def check(scene: bpy.types.Scene, path: Path) -> None:
    true = normalise(load_obj(path, MAX_FACES))
    shown = sum(float(part.mesh.face_areas().sum()) for part in load_submeshes(path))
    assert shown == pytest.approx(float(true.face_areas().sum()), rel=1e-3), path
    assert blender_area(scene, path) == pytest.approx(distinct_area(true.vertices, true.faces), rel=1e-3), path


def test_accepted_damaged_models(scene, tmp_path):
    (tmp_path / "model.mtl").write_bytes(seeds.MTL)
    path = tmp_path / "raw_model.obj"
    accepted = 0
    for case in range(DAMAGED):
        path.write_bytes(mutate(seeds.OBJ, TEXT, np.random.default_rng([SEED, case])))
        try:
            load_obj(path, MAX_FACES)
        except ModelError:
            continue
        check(scene, path)
        accepted += 1
    assert accepted > DAMAGED // 10


def test_showroom(scene, tmp_path):
    generate_furniture(tmp_path, 4, 0, 32)
    paths = sorted(tmp_path.glob("**/raw_model.obj"))
    assert len(paths) == 4
    for path in paths:
        check(scene, path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real samples are not there")
def test_real_models(scene):
    for path in sorted(REAL.glob("*/raw_model.obj"), key=lambda path: path.stat().st_size)[:6]:
        check(scene, path)
