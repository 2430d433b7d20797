import math

import numpy as np
import pytest
from box_models import ASYMMETRIC, cameras, write_obj

from shelfnet.blender.engine import CyclesEngine, CyclesQuality
from shelfnet.data.lighting import SUNS, Sun
from shelfnet.data.variation.conditions import Room, Surface, ViewConditions

FOV = math.radians(35)
CAMERAS = cameras((30, 15), (-100, 25))
RED, BLUE = (np.full((8, 8, 3), colour, dtype=np.uint8) for colour in ((200, 30, 30), (30, 30, 200)))
PLAIN = ViewConditions(FOV)
ROOM = ViewConditions(FOV, room=Room(Surface(RED, 1.0), Surface(BLUE, 0.7), wall_azimuth_deg=210.0, wall_distance=1.5))


@pytest.fixture(scope="module")
def render(tmp_path_factory):
    """Images of boxes in the same scene, one camera and condition each."""
    path = write_obj(tmp_path_factory.mktemp("model"), ASYMMETRIC)
    with CyclesEngine(CyclesQuality(resolution_px=48, samples=6, denoise=False), FOV) as cycles:
        yield lambda *conditions, views=CAMERAS: cycles.render(path, views[: len(conditions)], conditions)


@pytest.fixture(scope="module")
def plain(render):
    return render(PLAIN, PLAIN)


def is_red(colours):
    return (colours[..., 0] > 1.5 * colours[..., 2]) & (colours[..., 3] == 0)


def is_blue(colours):
    return (colours[..., 2] > 1.5 * colours[..., 0]) & (colours[..., 3] == 0)


def test_suns_change_colours_and_no_mask(render, plain):
    green = tuple(Sun(-sun.azimuth_deg, 40.0, sun.irradiance, 25.0, (0.1, 1.0, 0.1)) for sun in SUNS)
    lit = render(ViewConditions(FOV, suns=green), PLAIN)
    np.testing.assert_array_equal(lit[..., 3], plain[..., 3])
    shown = lit[0][plain[0, ..., 3] == 255]
    assert (shown[:, 1] > shown[:, 0]).mean() > 0.5
    np.testing.assert_array_equal(lit[1], plain[1])


def test_room_changes_colours_and_no_mask(render, plain):
    image, after = render(ROOM, PLAIN)
    np.testing.assert_array_equal(image[..., 3], plain[0, ..., 3])
    np.testing.assert_array_equal(after, plain[1])
    object_rows = np.flatnonzero((plain[0, ..., 3] == 255).any(axis=1))
    ground = np.arange(48)[:, None] * np.ones((1, 48))
    floor, wall = ground[is_red(image)], ground[is_blue(image)]
    assert len(floor) > 50 and len(wall) > 50 and floor.min() > wall.mean()
    assert is_red(image)[object_rows[-1] + 1].any()
    assert (image[..., :3] != plain[0, ..., :3])[plain[0, ..., 3] == 255].mean() > 0.5


def test_no_floor_from_below(render):
    (image,) = render(ROOM, views=cameras((30, -30)))
    assert not is_red(image).any() and is_blue(image).any()


def test_field_of_view_by_image(render, plain):
    wide, again = render(ViewConditions(math.radians(60)), PLAIN)
    assert 0.2 < (wide[..., 3] > 127).sum() / (plain[0, ..., 3] > 127).sum() < 0.5
    np.testing.assert_array_equal(again, plain[1])
