"""Paths in space and closed outlines in the plane, the inputs of sweeps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

Coordinates = Sequence[Any] | np.ndarray
"""A point, or a sequence of points or numbers."""


def line(start: Coordinates, end: Coordinates, stations: int = 2) -> Float[np.ndarray, "n 3"]:
    """Evenly spaced points from start to end."""
    return np.linspace(np.asarray(start, float), np.asarray(end, float), stations)


def spline(points: Coordinates, stations: int) -> Float[np.ndarray, "n d"]:
    """A cubic spline through points, parametrised by chord length."""
    knots = np.asarray(points, float)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return CubicSpline(lengths, knots)(np.linspace(0.0, lengths[-1], stations))


def fillet(points: Coordinates, radius_m: float, segments: int = 5) -> Float[np.ndarray, "n 3"]:
    """A polyline with inner corners rounded by quadratic arcs of about ``radius_m``."""
    knots = np.asarray(points, float)
    pieces = [knots[:1]]
    for before, corner, after in zip(knots[:-2], knots[1:-1], knots[2:], strict=True):
        pieces.append(_corner(before, corner, after, radius_m, segments))
    return np.concatenate([*pieces, knots[-1:]])


def mirror_path(half: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "m 3"]:
    """A path that ends at x = 0, continued by its mirror image."""
    other = half[::-1] * np.array([-1.0, 1.0, 1.0])
    return np.concatenate([half, other[1:] if abs(half[-1, 0]) < 1e-9 else other])


def superellipse(half_x: float, half_y: float, exponent: float, points: int = 24) -> Float[np.ndarray, "n 2"]:
    """|x/a|^p + |y/b|^p = 1, anticlockwise; 2 is an ellipse, large exponents approach a rectangle."""
    angle = (np.arange(points) + 0.5) * (2.0 * np.pi / points)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radius = (np.abs(direction) ** exponent).sum(axis=1) ** (-1.0 / exponent)
    return direction * radius[:, None] * np.array([half_x, half_y])


def circle(points: int = 10) -> Float[np.ndarray, "n 2"]:
    """The unit circle, anticlockwise."""
    return superellipse(1.0, 1.0, 2.0, points)


def chamfered_rectangle(half_x: float, half_y: float, chamfer_m: float) -> Float[np.ndarray, "8 2"]:
    """A rectangle with cut corners, anticlockwise."""
    cut = min(chamfer_m, 0.9 * half_x, 0.9 * half_y)
    x, y = half_x, half_y
    corners = [(x, y - cut), (x - cut, y), (cut - x, y), (-x, y - cut)]
    return np.array([*corners, *[(-a, -b) for a, b in corners]])


def trapezoid_outline(
    front_half: float, back_half: float, half_depth: float, exponent: float, points: int = 24
) -> Float[np.ndarray, "n 2"]:
    """A rounded seat outline in (x, z), wider in front (+z) than behind."""
    outline = superellipse(1.0, half_depth, exponent, points)
    along = 0.5 + 0.5 * outline[:, 1] / half_depth
    outline[:, 0] *= back_half + (front_half - back_half) * along
    return outline


def _corner(
    before: Float[np.ndarray, "3"],
    corner: Float[np.ndarray, "3"],
    after: Float[np.ndarray, "3"],
    radius_m: float,
    segments: int,
) -> Float[np.ndarray, "n 3"]:
    incoming, outgoing = before - corner, after - corner
    start = corner + incoming * min(0.49, radius_m / np.linalg.norm(incoming))
    end = corner + outgoing * min(0.49, radius_m / np.linalg.norm(outgoing))
    t = np.linspace(0.0, 1.0, segments + 1)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
