import numpy as np
import torch
import trimesh
from photographed import RADIUS, BallNet

from shelfnet.reconstruction.surface_colours import surface_colours


def test_colours_come_from_below_the_surface():
    normals = trimesh.creation.icosphere(2, 1.0).vertices.copy()
    model = BallNet()
    colours = surface_colours(model, model.decode(torch.zeros(1, 2)), RADIUS * normals, normals)
    # The stand-in colours a point by its place: how deep the rays saw can be read from the colours.
    seen = np.linalg.norm(colours - 0.5, axis=1)
    assert ((seen > RADIUS - 0.04) & (seen < RADIUS)).all()
    np.testing.assert_allclose((colours - 0.5) / seen[:, None], normals, atol=1e-5)


def test_empty_field_has_finite_colours():
    model = BallNet(radius=-1.0)
    points = np.array([[0.1, 0.2, 0.3], [0.6, 0.0, 0.0]])
    normals = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    colours = surface_colours(model, model.decode(torch.zeros(1, 2)), points, normals)
    assert np.isfinite(colours).all()


def test_no_points_give_no_colours():
    model = BallNet()
    assert surface_colours(model, model.decode(torch.zeros(1, 2)), np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
