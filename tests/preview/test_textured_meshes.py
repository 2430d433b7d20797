import math

import numpy as np
import torch
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.preview.previewer import Previewer

ORANGE = (200, 120, 40)


def test_a_texture_looks_like_the_same_colour_at_the_vertices():
    ball = trimesh.creation.icosphere(3, 0.4)
    material = PBRMaterial(baseColorTexture=Image.new("RGB", (8, 8), ORANGE))
    visual = trimesh.visual.TextureVisuals(uv=np.full((len(ball.vertices), 2), 0.5), material=material)
    textured = trimesh.Trimesh(ball.vertices, ball.faces, visual=visual, process=False)
    coloured = trimesh.Trimesh(ball.vertices, ball.faces, vertex_colors=(*ORANGE, 255), process=False)
    camera = look_at_origin(torch.tensor(0.4), torch.tensor(0.2), 2.6).numpy().astype(np.float64)
    with Previewer(48, math.radians(35.0)) as previewer:
        one, other = (previewer.render(mesh, camera).astype(int) for mesh in (textured, coloured))
    # Colours of pixels at the outline are divided by a small alpha, which magnifies rounding.
    inside = one[..., 3] == 255
    assert inside.mean() > 0.1
    assert np.abs(one - other)[inside].max() <= 3
