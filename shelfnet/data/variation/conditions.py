"""Random conditions under which an image is rendered: camera, suns and room.

Every factor of every image has a random generator of its own, so that a change of one factor changes nothing else.
"""

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.config.render import RenderSettings
from shelfnet.data.lighting import SUNS, Sun
from shelfnet.data.seeding import named_generator
from shelfnet.data.variation.textures import draw_texture

SUN_JITTER_DEG = 30.0
SUN_ELEVATIONS_DEG = 15.0, 70.0
SUN_SATURATION = 0.4
WALL_PROBABILITY = 0.7
WALL_TURN_DEG = 35.0
"""Largest angle between a wall's normal and the direction to the camera."""
WALL_DISTANCES = 0.9, 2.5
"""Range of the distance of a wall from the object's centre, in object units."""
TILE_SIZES = 0.4, 1.5
"""Range of the side of a texture on a surface, in object units."""


@dataclass(frozen=True)
class Surface:
    """A floor or a wall.

    Attributes:
        texture: Seamless sRGB texture.
        tile_size: Side of the texture in object units.
    """

    texture: UInt8[np.ndarray, "h w 3"]
    tile_size: float


@dataclass(frozen=True)
class Room:
    """The floor that an object stands on, and a wall behind it.

    Attributes:
        floor: The floor; it touches the lowest point of the object.
        wall: The wall, if there is one.
        wall_azimuth_deg: Azimuth of the side of the object on which the wall stands.
        wall_distance: Distance of the wall from the object's centre in object units.
    """

    floor: Surface
    wall: Surface | None
    wall_azimuth_deg: float
    wall_distance: float


@dataclass(frozen=True)
class ViewConditions:
    """What the image of one view is rendered with, besides the position of its camera.

    Attributes:
        fov: Field of view in radians.
        suns: The suns, as many as in :data:`~shelfnet.data.lighting.SUNS`.
        room: Floor and wall; ``None`` for a transparent ground.
    """

    fov: float
    suns: tuple[Sun, ...] = SUNS
    room: Room | None = None


def image_generator(seed: int, model_id: str, view: int, factor: str) -> np.random.Generator:
    """Random generator of one factor of variation of one image."""
    return named_generator(seed, f"{model_id}\0{view}\0{factor}")


def draw_conditions(settings: RenderSettings, model_id: str, view: int, azimuth: float) -> ViewConditions:
    """Conditions of one image.

    Args:
        settings: Variation and seed.
        model_id: Model in the image.
        view: Index of the image among those of the model.
        azimuth: Azimuth of the camera in radians.
    """
    variation = settings.variation
    fov_range = variation.fov_min_deg or settings.fov_deg, variation.fov_max_deg or settings.fov_deg
    fov_deg = image_generator(settings.seed, model_id, view, "fov").uniform(*fov_range)
    return ViewConditions(
        fov=math.radians(fov_deg),
        suns=_draw_suns(image_generator(settings.seed, model_id, view, "suns")) if variation.suns else SUNS,
        room=_draw_room(image_generator(settings.seed, model_id, view, "room"), azimuth) if variation.rooms else None,
    )


def vary_camera(
    settings: RenderSettings, model_id: str, view: int, cam2world: Float[np.ndarray, "4 4"], fov: float
) -> Float[np.ndarray, "4 4"]:
    """Move a camera that looks at the origin from ``settings.camera_distance`` along its axis, turn it and roll it.

    The camera stays in the same direction from the object. Only a part of an object that reaches beyond the sphere that
    fills the nominal image can lie outside of the image.

    Args:
        settings: Variation, seed, and nominal field of view and distance.
        model_id: Model in the image.
        view: Index of the image among those of the model.
        cam2world: Camera matrix with OpenCV axes.
        fov: Field of view of the image in radians.
    """
    variation = settings.variation
    nominal = math.sin(0.5 * math.radians(settings.fov_deg))
    scale = image_generator(settings.seed, model_id, view, "distance").uniform(
        variation.distance_min, variation.distance_max
    )
    shift = image_generator(settings.seed, model_id, view, "off_centre").uniform(-1.0, 1.0, 2)
    roll_deg = image_generator(settings.seed, model_id, view, "roll").uniform(-variation.roll_deg, variation.roll_deg)
    edge = 0.5 * fov
    half_object = math.asin(math.sin(edge) / scale)
    varied = cam2world.copy()
    varied[:3, 3] *= scale * nominal / math.sin(edge)
    right, down = variation.off_centre * (edge - half_object) * shift
    varied[:3, :3] = varied[:3, :3] @ _turn(right, down, math.radians(roll_deg))
    return varied


def _turn(right: float, down: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Rotation of a camera about its centre that rolls the scene and then moves it right and down in the image.

    All angles are in radians; the identity for zeros.
    """
    sin, cos = np.sin([right, down, roll]), np.cos([right, down, roll])
    about_y = np.array([[cos[0], 0.0, -sin[0]], [0.0, 1.0, 0.0], [sin[0], 0.0, cos[0]]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos[1], -sin[1]], [0.0, sin[1], cos[1]]])
    about_z = np.array([[cos[2], -sin[2], 0.0], [sin[2], cos[2], 0.0], [0.0, 0.0, 1.0]])
    return about_z @ about_y @ about_x


def _draw_suns(generator: np.random.Generator) -> tuple[Sun, ...]:
    turn_deg = generator.uniform(0.0, 360.0)
    return tuple(
        Sun(
            azimuth_deg=sun.azimuth_deg + turn_deg + generator.uniform(-SUN_JITTER_DEG, SUN_JITTER_DEG),
            elevation_deg=generator.uniform(*SUN_ELEVATIONS_DEG),
            irradiance=sun.irradiance,
            angular_diameter_deg=sun.angular_diameter_deg,
            colour=colorsys.hsv_to_rgb(generator.uniform(), generator.uniform(0.0, SUN_SATURATION), 1.0),
        )
        for sun in SUNS
    )


def _draw_room(generator: np.random.Generator, azimuth: float) -> Room:
    floor, wall = (Surface(draw_texture(generator), generator.uniform(*TILE_SIZES)) for _ in range(2))
    return Room(
        floor=floor,
        wall=wall if generator.uniform() < WALL_PROBABILITY else None,
        wall_azimuth_deg=math.degrees(azimuth) + 180.0 + generator.uniform(-WALL_TURN_DEG, WALL_TURN_DEG),
        wall_distance=generator.uniform(*WALL_DISTANCES),
    )
