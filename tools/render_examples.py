# pyright: reportAttributeAccessIssue=false
"""Render the photos of ``examples/``: furniture that no run was trained on, with other lights, lenses and backgrounds.

The pieces come from a seed of the generator that no data set uses. Each photo has its own key light, field of view,
distance and background; a shadow catcher puts a soft shadow under the object. Photos with ``alpha`` keep their mask.
"""

import argparse
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shelfnet.blender.axes import BLENDER_FROM_OBJECT, blender_camera
from shelfnet.blender.models import imported_model, used_vertices
from shelfnet.blender.runtime import bpy, mathutils, quiet_stdout
from shelfnet.blender.scene import SUN_DISTANCE, CyclesQuality, build_scene
from shelfnet.geometry.cameras import camera_from_degrees
from shelfnet.procedural.generate import FOLDER, generate_furniture

SEED = 20_000
TEXTURE_PX = 256
QUALITY = CyclesQuality(resolution_px=512, samples=96, denoise=True)


SUN_ANGLE_DEG = 60.0
"""Angular diameter of the lights, as wide as soft boxes in a studio."""


@dataclass(frozen=True)
class Example:
    """One photo.

    Attributes:
        name: Name of the file.
        piece: Index of the generated piece.
        azimuth_deg: Azimuth of the camera.
        elevation_deg: Elevation of the camera.
        fov_deg: Field of view.
        sun_deg: Azimuth and elevation of the key light.
        ground: sRGB of the background in [0, 1]; ``None`` keeps the alpha channel instead.
    """

    name: str
    piece: int
    azimuth_deg: float
    elevation_deg: float
    fov_deg: float
    sun_deg: tuple[float, float]
    ground: tuple[float, float, float] | None


EXAMPLES = (
    Example("armchair_green", 0, 35.0, 18.0, 40.0, (-60.0, 55.0), (1.0, 1.0, 1.0)),
    Example("dining_chair", 15, -30.0, 14.0, 30.0, (40.0, 45.0), (0.93, 0.93, 0.94)),
    Example("windsor", 13, 50.0, 12.0, 35.0, (-20.0, 60.0), (1.0, 1.0, 1.0)),
    Example("wing_chair", 14, -40.0, 10.0, 45.0, (90.0, 50.0), (0.90, 0.87, 0.82)),
    Example("folding_chair", 16, 25.0, 20.0, 32.0, (-80.0, 65.0), None),
    Example("office_chair", 17, -55.0, 15.0, 38.0, (10.0, 50.0), (0.82, 0.85, 0.88)),
    Example("horseshoe_chair", 21, 40.0, 16.0, 35.0, (130.0, 50.0), None),
    Example("tub_chair", 34, -20.0, 22.0, 42.0, (60.0, 40.0), (1.0, 1.0, 1.0)),
)


def main() -> None:
    """Render all examples into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        records = generate_furniture(root, 1 + max(example.piece for example in EXAMPLES), SEED, TEXTURE_PX)
        for example in EXAMPLES:
            model = root / FOLDER / str(records[example.piece]["model_id"]) / "raw_model.obj"
            save(output, example, render(example, model, root / "render.png"))


def render(example: Example, obj_path: Path, temporary: Path) -> Image.Image:
    """RGBA render of one example; with a background, its alpha channel includes the shadow on it."""
    fov = math.radians(example.fov_deg)
    scene = build_scene(QUALITY, fov, threads=2)
    turn_suns(scene, *example.sun_deg)
    with imported_model(scene, obj_path) as model:
        if example.ground is not None:
            add_shadow_catcher(scene, float(used_vertices(model)[:, 1].min()))
        # The sphere around the object fills two thirds of the image.
        distance = 0.5 / (0.67 * math.sin(0.5 * fov))
        pose = camera_from_degrees(example.azimuth_deg, example.elevation_deg, distance)
        scene.camera.matrix_world = mathutils.Matrix(blender_camera(pose))
        scene.render.filepath = str(temporary)
        with quiet_stdout():
            bpy.ops.render.render(write_still=True, scene=scene.name)
    with Image.open(temporary) as image:
        return image.convert("RGBA")


def turn_suns(scene: bpy.types.Scene, azimuth_deg: float, elevation_deg: float) -> None:
    """Point the first light of the scene, the key light, from a direction, and turn the others with it."""
    for index, lamp in enumerate(item for item in scene.objects if item.type == "LIGHT"):
        lowered_deg = max(elevation_deg - 20.0 * index, 15.0)
        pose = camera_from_degrees(azimuth_deg + 120.0 * index, lowered_deg, SUN_DISTANCE)
        lamp.matrix_world = mathutils.Matrix(blender_camera(pose))
        lamp.data.angle = math.radians(SUN_ANGLE_DEG)


def add_shadow_catcher(scene: bpy.types.Scene, height: float) -> None:
    """A ground plane at a height of the object frame that is visible only by the shadow on it."""
    level = height - 1e-3
    corners = np.array([[-4.0, level, -4.0], [-4.0, level, 4.0], [4.0, level, 4.0], [4.0, level, -4.0]])
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata((corners @ BLENDER_FROM_OBJECT[:3, :3].T).tolist(), [], [(0, 1, 2, 3)])
    ground = bpy.data.objects.new("ground", mesh)
    ground.is_shadow_catcher = True
    scene.collection.objects.link(ground)


def save(folder: Path, example: Example, rendered: Image.Image) -> None:
    """Write a JPEG over the background, or a PNG with the alpha channel."""
    if example.ground is None:
        rendered.save(folder / f"{example.name}.png", optimize=True)
        return
    ground = Image.new("RGBA", rendered.size, (*(round(255 * value) for value in example.ground), 255))
    Image.alpha_composite(ground, rendered).convert("RGB").save(folder / f"{example.name}.jpg", quality=92)


if __name__ == "__main__":
    main()
