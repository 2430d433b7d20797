"""Primitives: watertight, oriented outward, and equal to analytic cases."""

from collections import Counter

import numpy as np
import pytest

from shelfnet.procedural.curves import circle, fillet, line, mirror_path, spline, superellipse
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import box, cushion, lathe, plate, sweep, tube
from shelfnet.procedural.solidify import solidify


def flat_grid(width: float, depth: float) -> np.ndarray:
    x, z = np.meshgrid(np.linspace(0, width, 7), np.linspace(0, depth, 5), indexing="ij")
    return np.stack([x, np.zeros_like(x), z], axis=-1)


PARTS = {
    "bent tube": tube(fillet([(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1)], 0.2), 0.02),
    "hoop": tube(np.insert(0.3 * circle(24), 1, 0.0, axis=1), 0.02, closed=True),
    "lathe": lathe([0.0, 0.1, 0.2, 0.2001], [0.1, 0.05, 0.1, 0.02]),
    "plate": plate(superellipse(0.2, 0.3, 4.0), 0.03, 0.005),
    "box": box((0.5, 0.03, 0.02)),
    "cushion": cushion((0.5, 0.1, 0.4)),
    "sheet": solidify(flat_grid(1.0, 0.5), 0.01),
    "mirrored": tube(line((0.1, 0, 0), (0.2, 1, 0)), 0.02).mirrored(),
    "turned": box((0.3, 0.1, 0.2)).rotated(30.0, 40.0, 50.0).translated(1.0, 2.0, 3.0),
}


def directed_edges(part: FurniturePart) -> Counter:
    return Counter((int(a), int(b)) for face in part.faces for a, b in zip(face, np.roll(face, -1), strict=True))


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_watertight_and_consistently_wound(name: str) -> None:
    edges = directed_edges(PARTS[name])
    assert max(edges.values()) == 1
    assert all((b, a) in edges for a, b in edges)


@pytest.mark.parametrize("name", PARTS)
def test_parts_face_outward(name: str) -> None:
    assert PARTS[name].signed_volume() > 0.0


def test_straight_tube_has_the_volume_of_a_prism() -> None:
    part = tube(line((0, 0, 0), (0, 0.6, 0)), 0.05, sides=12)
    area = 0.5 * 12 * 0.05**2 * np.sin(2 * np.pi / 12)
    assert part.signed_volume() == pytest.approx(0.6 * area)
    assert np.ptp(part.vertices[:, 1]) == pytest.approx(0.6)


def test_box_size_and_volume() -> None:
    part = box((0.4, 0.2, 0.3), bevel_m=0.001)
    np.testing.assert_allclose(np.ptp(part.vertices, axis=0), [0.4, 0.2, 0.3])
    assert part.signed_volume() == pytest.approx(0.4 * 0.2 * 0.3, rel=0.01)


def test_cushion_with_exponents_of_two_is_a_sphere() -> None:
    part = cushion((2.0, 2.0, 2.0), 2.0, 2.0, divisions=10)
    np.testing.assert_allclose(np.linalg.norm(part.vertices, axis=1), 1.0)
    assert part.signed_volume() == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_channels_make_grooves_on_both_sides() -> None:
    plain, channelled = (cushion((0.4, 0.1, 0.4), divisions=8, channels=count) for count in (0, 4))
    depth = np.abs(plain.vertices[:, 1]) - np.abs(channelled.vertices[:, 1])
    assert depth.min() >= 0.0
    grooves = np.unique(
        np.round(channelled.vertices[(depth > 0.01) & (np.abs(channelled.vertices[:, 2]) < 0.01), 0], 3)
    )
    assert len(grooves) == 3 and grooves[1] == 0.0
    assert channelled.signed_volume() < 0.95 * plain.signed_volume()


def test_solidified_volume_is_area_times_thickness() -> None:
    part = solidify(flat_grid(1.0, 0.5), 0.01)
    assert part.signed_volume() == pytest.approx(1.0 * 0.5 * 0.01, rel=0.03)


def test_rim_can_have_another_slot() -> None:
    part = solidify(flat_grid(1.0, 0.5), 0.01, MaterialSlot.BODY, rim=MaterialSlot.TRIM)
    heights = part.vertices[part.faces][..., 1].ptp(axis=1)
    np.testing.assert_array_equal(part.slots == MaterialSlot.TRIM, heights > 1e-6)


def uv_area(part: FurniturePart) -> float:
    a, b, c = np.moveaxis(part.uvs_m, 1, 0)
    u, v = (b - a).T, (c - a).T
    return float(0.5 * np.abs(u[0] * v[1] - u[1] * v[0]).sum())


def surface_area(part: FurniturePart) -> float:
    a, b, c = np.moveaxis(part.vertices[part.faces], 1, 0)
    return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


@pytest.mark.parametrize("name", ["bent tube", "hoop", "box", "sheet", "plate", "turned"])
def test_texture_coordinates_are_metres(name: str) -> None:
    assert uv_area(PARTS[name]) == pytest.approx(surface_area(PARTS[name]), rel=0.12)


def test_grain_follows_the_longest_side() -> None:
    bar = tube(line((0, 0, 0), (0, 0.5, 0)), 0.02)
    board = box((0.1, 0.02, 0.7))
    for part, length in ((bar, 0.5), (board, 0.7)):
        first = part.uvs_m[part.charts == part.charts[0]]
        assert np.ptp(first[..., 0]) == pytest.approx(length, rel=0.01)


def test_long_sweeps_have_charts_of_bounded_length() -> None:
    part = tube(line((0, 0, 0), (0, 3.0, 0), 40), 0.02)
    for chart in np.unique(part.charts):
        assert np.ptp(part.uvs_m[part.charts == chart][..., 0]) <= 0.8 + 1e-9


def test_sweep_does_not_twist() -> None:
    path = spline([(0, 0, 0), (0.3, 0.5, 0), (0, 1.0, 0)], 20)
    ribbon = sweep(path, np.array([[0.1, 0.01], [-0.1, 0.01], [-0.1, -0.01], [0.1, -0.01]]), reference=(0, 0, 1))
    np.testing.assert_allclose(np.unique(np.round(np.abs(ribbon.vertices[:-2, 2]), 6)), [0.1])


def test_mirroring_is_exact() -> None:
    part = tube(line((0.1, 0, 0), (0.2, 1, 0.3)), 0.02)
    np.testing.assert_array_equal(part.mirrored().vertices, part.vertices * [-1.0, 1.0, 1.0])
    path = mirror_path(np.array([[1.0, 0, 0], [0.5, 1, 0], [0.0, 1, 0]]))
    np.testing.assert_array_equal(path[:, 0], [1.0, 0.5, 0.0, -0.5, -1.0])
