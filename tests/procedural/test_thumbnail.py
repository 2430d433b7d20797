"""Thumbnails of simple scenes."""

import numpy as np

from shelfnet.procedural.assembly import assemble
from shelfnet.procedural.parts import MaterialSlot
from shelfnet.procedural.primitives import box, cushion
from shelfnet.procedural.thumbnail import draw_thumbnail

RED = np.full((8, 8, 3), (200, 30, 30), dtype=np.uint8)


def drawn(*parts) -> np.ndarray:
    mesh = assemble(parts, 64, np.random.default_rng(0)).mesh
    return np.asarray(draw_thumbnail(mesh, RED, 80)).astype(int)


def test_a_sphere_renders_as_a_full_disc() -> None:
    pixels = drawn(cushion((1.0, 1.0, 1.0), 2.0, 2.0, 10))
    covered = pixels[..., 1] < 200
    radius = 0.5 * 0.9 * 80
    assert abs(covered.sum() / (np.pi * radius**2) - 1.0) < 0.04
    y, x = np.mgrid[:80, :80] - 39.5
    assert covered[np.hypot(x, y) < 0.94 * radius].all()
    assert not covered[np.hypot(x, y) > 1.06 * radius].any()


def test_near_part_occludes_far_part() -> None:
    """Seen from the front, what lies in front shows, whichever is drawn first."""
    two_colours = np.full((64, 64, 3), (200, 30, 30), dtype=np.uint8)
    two_colours[35:] = (30, 30, 200)
    for near, far, channel in ((MaterialSlot.BODY, MaterialSlot.FRAME, 0), (MaterialSlot.FRAME, MaterialSlot.BODY, 2)):
        parts = [box((1.0, 1.0, 0.05), slot=near).translated(z=0.3), box((0.6, 0.6, 0.05), slot=far).translated(z=-0.3)]
        for order in (parts, parts[::-1]):
            mesh = assemble(order, 64, np.random.default_rng(0)).mesh
            pixels = np.asarray(draw_thumbnail(mesh, two_colours, 80)).astype(int)
            centre = pixels[36:44, 40:46].reshape(-1, 3).mean(axis=0)
            assert centre[channel] > centre[2 - channel] + 60


def test_visible_side_is_lit() -> None:
    """In the middle of a ball the normal points at the eye, which the light nearly follows."""
    centre = drawn(cushion((1.0, 1.0, 1.0), 2.0, 2.0, 10))[38:42, 38:42, 0]
    np.testing.assert_allclose(centre, 200, atol=12)


def test_view_is_from_the_front_right() -> None:
    """A thing that reaches far to the front extends to the lower left of the image."""
    body, tongue = box((0.5, 0.5, 0.5)), box((0.05, 0.05, 1.2)).translated(z=0.8)
    covered = drawn(body, tongue)[..., 1] < 200
    columns = np.flatnonzero(covered.any(axis=0))
    left, right = covered[:, columns[0] + 2].nonzero()[0].mean(), covered[:, columns[-1] - 2].nonzero()[0].mean()
    thin = covered[:, columns[0] + 2].sum() < covered[:, columns[-1] - 2].sum()
    assert thin and left > right
