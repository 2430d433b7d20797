import math

import numpy as np
import torch
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.preview.previewer import Previewer

RED, BLUE = (220, 30, 30), (30, 30, 220)


def test_a_texture_is_shown_the_right_way_up():
    ball = trimesh.creation.icosphere(3, 0.4)
    image = Image.new("RGB", (8, 8), RED)
    image.paste(BLUE, (0, 4, 8, 8))
    upwards = np.column_stack([np.full(len(ball.vertices), 0.5), ball.vertices[:, 1] / 0.8 + 0.5])
    visual = trimesh.visual.TextureVisuals(uv=upwards, material=PBRMaterial(baseColorTexture=image))
    mesh = trimesh.Trimesh(ball.vertices, ball.faces, visual=visual, process=False)
    camera = look_at_origin(torch.tensor(0.4), torch.tensor(0.0), 2.6).numpy().astype(np.float64)
    with Previewer(48, math.radians(35.0)) as previewer:
        shown = previewer.render_mesh(mesh, camera).astype(int)
    upper, lower = (shown[rows, 24, :3] for rows in (slice(14, 21), slice(27, 34)))
    assert (upper[:, 0] > 2 * upper[:, 2]).all()
    assert (lower[:, 2] > 2 * lower[:, 0]).all()
