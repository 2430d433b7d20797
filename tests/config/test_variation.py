import pytest

from shelfnet.config.load import ConfigError, validate


@pytest.mark.parametrize("factor", ["suns", "rooms"])
def test_pyrender_refuses_what_it_cannot_render(factor: str):
    variation = {factor: True}
    assert getattr(validate({"render": {"variation": variation}}).render.variation, factor)
    with pytest.raises(ConfigError, match=r"render: pyrender cannot .*; engine: cycles can"):
        validate({"render": {"engine": "pyrender", "variation": variation}})


@pytest.mark.parametrize(
    ("variation", "fault"),
    [
        ({"fov_min_deg": 60, "fov_max_deg": 25}, "fov below the maximum, got 60.0 to 25.0"),
        ({"fov_max_deg": 60}, "both fov_min_deg and fov_max_deg"),
        ({"distance_min": 1.5, "distance_max": 1.2}, "distance below the maximum, got 1.5 to 1.2"),
    ],
)
def test_bad_ranges_refused(variation: dict[str, float], fault: str):
    with pytest.raises(ConfigError, match=rf"render\.variation: .*{fault}"):
        validate({"render": {"variation": variation}})


def test_images_to_crop_are_rendered_larger():
    plain = validate({}).render
    assert plain.rendered_px == plain.resolution_px
    assert validate({"render": {"variation": {"object_share": 0.7}}}).render.rendered_px == 2 * plain.resolution_px
