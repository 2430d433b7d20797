import math
import subprocess
import sys

import numpy as np
import pytest
import trimesh
from box_models import cameras

from shelfnet.preview.previewer import Previewer

FOV = math.radians(35)


@pytest.fixture(scope="module")
def previewer():
    with Previewer(64, FOV) as opened:
        yield opened


def test_a_sphere_covers_its_disc(previewer):
    distance, radius = 2.6, 0.4
    alpha = previewer.render_mesh(trimesh.creation.icosphere(4, radius), cameras((30, 10))[0])[..., 3] / 255.0
    radius_px = 32 / math.tan(FOV / 2) * radius / math.sqrt(distance**2 - radius**2)
    assert alpha.sum() == pytest.approx(math.pi * radius_px**2, rel=0.01)
    partial = (alpha > 0) & (alpha < 1)
    assert partial.sum() > 50, "expected an antialiased edge"


def test_an_empty_mesh_renders_an_empty_image(previewer):
    assert not previewer.render_mesh(trimesh.Trimesh(), cameras((0, 0))[0]).any()


def test_a_mesh_without_colours_is_shaded_grey(previewer):
    rgb = previewer.render_mesh(trimesh.creation.icosphere(3, 0.4), cameras((0, 0))[0])[20:44, 20:44, :3].astype(float)
    assert np.ptp(rgb, axis=-1).max() <= 1
    assert rgb[:4].mean() > rgb[-4:].mean() + 10, "expected the key light from above"


def test_vertex_colours_are_shown(previewer):
    sphere = trimesh.creation.icosphere(3, 0.4)
    right = sphere.vertices[:, 0] > 0
    sphere.visual.vertex_colors = np.where(right[:, None], [[30, 30, 220, 255]], [[220, 30, 30, 255]]).astype(np.uint8)
    front, back = (previewer.render_mesh(sphere, camera).astype(int) for camera in cameras((0, 0), (180, 0)))
    assert front[32, 22, 0] > front[32, 22, 2] + 50 and front[32, 42, 2] > front[32, 42, 0] + 50
    assert back[32, 42, 0] > back[32, 42, 2] + 50 and back[32, 22, 2] > back[32, 22, 0] + 50


def test_edge_pixels_have_the_colour_of_the_object(previewer):
    sphere = trimesh.creation.icosphere(4, 0.4)
    sphere.visual.vertex_colors = np.tile(np.array([255, 255, 255, 255], dtype=np.uint8), (len(sphere.vertices), 1))
    image = previewer.render_mesh(sphere, cameras((0, 0))[0])
    edge = (image[..., 3] > 40) & (image[..., 3] < 220)
    assert image[edge][:, :3].min() > 120


@pytest.mark.parametrize("faces", [[[0, 1, 2], [0, 2, 3]], [[2, 1, 0], [3, 2, 0]]])
def test_sheets_are_visible_from_both_sides(previewer, faces):
    sheet = trimesh.Trimesh([[-0.3, -0.3, 0], [0.3, -0.3, 0], [0.3, 0.3, 0], [-0.3, 0.3, 0]], faces)
    assert previewer.render_mesh(sheet, cameras((0, 0))[0])[32, 32, 3] == 255


def test_a_second_open_previewer_is_an_error(previewer):
    sphere, camera = trimesh.creation.icosphere(2, 0.4), cameras((0, 0))[0]
    with pytest.raises(RuntimeError), Previewer(32, FOV):
        pass
    assert previewer.render_mesh(sphere, camera).any()


def test_optimisers_of_torch_can_be_made_afterwards():
    """Mesa and Triton both bring an LLVM, and Triton's must be loaded first."""
    program = (
        "from shelfnet.preview.previewer import Previewer\n"
        "with Previewer(16, 0.6): pass\n"
        "import torch; torch.optim.Adam([torch.zeros(1, requires_grad=True)])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
