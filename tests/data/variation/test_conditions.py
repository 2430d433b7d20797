import math

import numpy as np
import pytest
import torch
from box_models import cameras

from shelfnet.config.render import RenderSettings
from shelfnet.data.lighting import SUNS
from shelfnet.data.variation.conditions import ViewConditions, draw_conditions, image_generator, vary_camera
from shelfnet.geometry.cameras import project

PLAIN = RenderSettings()
CAMERA = cameras((40, 20))[0]
SIDE_PX = 100
VIEWS = range(40)


def varied(**variation):
    return RenderSettings.model_validate({"variation": variation})


def drawn(settings, model_id="chair"):
    """Conditions and camera of some views of a model."""
    conditions = [draw_conditions(settings, model_id, view, math.radians(40)) for view in VIEWS]
    return [(each, vary_camera(settings, model_id, view, CAMERA, each.fov)) for view, each in enumerate(conditions)]


def seen(point, camera, fov):
    pixels, _ = project(torch.tensor(point)[None, None], torch.from_numpy(camera)[None], fov, SIDE_PX)
    return pixels[0, 0].numpy()


def test_no_variation_changes_nothing():
    for conditions, camera in drawn(PLAIN):
        assert conditions == ViewConditions(math.radians(PLAIN.fov_deg))
        np.testing.assert_array_equal(camera, CAMERA)


def test_draws_depend_on_seed_model_and_view_alone():
    settings = varied(fov_min_deg=25, fov_max_deg=60)
    fovs = [each.fov for each, _ in drawn(settings)]
    assert fovs == [each.fov for each, _ in drawn(settings)]
    others = drawn(settings, "stool"), drawn(settings.model_copy(update={"seed": 1}))
    assert len({*fovs, *(each.fov for other in others for each, _ in other)}) == 3 * len(VIEWS)


@pytest.mark.parametrize(
    "factor", [{"roll_deg": 8}, {"distance_min": 1.2, "distance_max": 1.5}, {"off_centre": 0.5}, {"suns": True}]
)
def test_factors_are_independent(factor):
    lens = {"fov_min_deg": 25, "fov_max_deg": 60}
    for (alone, _), (joined, _) in zip(drawn(varied(**lens)), drawn(varied(**lens, **factor)), strict=True):
        assert alone.fov == joined.fov


def test_factors_have_different_generators():
    draws = [image_generator(0, "chair", 0, factor).uniform() for factor in ("fov", "distance", "roll")]
    assert len(set(draws)) == 3


def test_field_of_view_in_range_with_object_as_large():
    for conditions, camera in drawn(varied(fov_min_deg=25, fov_max_deg=60)):
        assert 25 <= math.degrees(conditions.fov) <= 60
        radius = PLAIN.camera_distance * math.sin(math.radians(0.5 * PLAIN.fov_deg))
        assert math.asin(radius / np.linalg.norm(camera[:3, 3])) == pytest.approx(0.5 * conditions.fov)
        np.testing.assert_array_equal(camera[:3, :3], CAMERA[:3, :3])


def test_distance_in_range():
    distances = [np.linalg.norm(camera[:3, 3]) for _, camera in drawn(varied(distance_min=1.2, distance_max=1.5))]
    assert 1.2 <= min(distances) / PLAIN.camera_distance < max(distances) / PLAIN.camera_distance <= 1.5


def test_roll_turns_image_about_its_centre():
    angles = []
    for conditions, camera in drawn(varied(roll_deg=8)):
        np.testing.assert_allclose(seen([0.0, 0.0, 0.0], camera, conditions.fov), SIDE_PX / 2)
        right, up = seen([0.0, 0.3, 0.0], camera, conditions.fov) - SIDE_PX / 2
        angles.append(math.degrees(math.atan2(right, -up)))
        np.testing.assert_array_equal(camera[:, 3], CAMERA[:, 3])
    assert -8 <= min(angles) < -1 and 1 < max(angles) <= 8


def test_bounding_sphere_stays_in_image():
    factors = {"off_centre": 1.0, "roll_deg": 20, "distance_min": 1.1, "distance_max": 1.6}
    radius = PLAIN.camera_distance * math.sin(math.radians(0.5 * PLAIN.fov_deg))
    points = np.random.default_rng(0).standard_normal((200, 3))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    centres = []
    for conditions, camera in drawn(varied(fov_min_deg=25, fov_max_deg=60, **factors)):
        outline = np.array([seen(point, camera, conditions.fov) for point in points])
        assert (outline > -1e-6).all() and (outline < SIDE_PX + 1e-6).all()
        centres.append(seen([0.0, 0.0, 0.0], camera, conditions.fov) - SIDE_PX / 2)
    assert (np.array(centres).min(axis=0) < -5).all() and (np.array(centres).max(axis=0) > 5).all()


def test_suns_keep_their_strength_and_stay_above_the_horizon():
    suns = [sun for conditions, _ in drawn(varied(suns=True)) for sun in conditions.suns]
    assert len(suns) == len(SUNS) * len(VIEWS) and len({sun.colour for sun in suns}) == len(suns)
    assert {sun.irradiance for sun in suns} == {sun.irradiance for sun in SUNS}
    assert all(sun.elevation_deg >= 15 and max(sun.colour) == 1.0 for sun in suns)


def test_walls_stand_behind_the_object():
    rooms = [conditions.room for conditions, _ in drawn(varied(rooms=True))]
    walls = [room for room in rooms if room.wall is not None]
    assert 0 < len(walls) < len(rooms)
    assert all(abs(room.wall_azimuth_deg - 220) <= 35 and room.wall_distance > math.sqrt(0.5) for room in walls)
