"""Meshes with known answers."""

import numpy as np
import pytest
import trimesh

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.geometry.meshes import Mesh


def _mesh(surface: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64))


@pytest.fixture
def make_sphere():
    def make(radius: float, centre=(0.0, 0.0, 0.0), subdivisions: int = 4) -> Mesh:
        mesh = _mesh(trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius))
        return Mesh(mesh.vertices + np.asarray(centre), mesh.faces)

    return make


@pytest.fixture
def make_box():
    def make(low, high) -> Mesh:
        return _mesh(trimesh.creation.box(bounds=[low, high]))

    return make


@pytest.fixture
def join():
    def joined(*meshes: Mesh) -> Mesh:
        offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
        faces = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]
        return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))

    return joined


@pytest.fixture
def l_shape(make_box, join) -> Mesh:
    """A seat with a back to one side: no symmetry under any rotation about +Y."""
    return join(make_box((-0.5, -0.2, -0.3), (0.5, 0.0, 0.3)), make_box((-0.5, 0.0, -0.3), (-0.3, 0.5, 0.1)))


@pytest.fixture
def settings() -> EvaluateSettings:
    return EvaluateSettings(
        n_points=1_000,
        icp_iterations=10,
        unicorn_points=1_000,
        unicorn_iterations=10,
        alignment_steps=24,
        bootstrap_samples=200,
    )
