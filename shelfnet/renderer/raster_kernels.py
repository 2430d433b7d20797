"""Compiled loops over the faces and pixels of one mesh: nearest faces of every pixel, soft render and its gradient.

Arrays are float32. ``corners`` (f 3 3) has one row per face, with NDC x, NDC y and depth of its three corners; within a
pixel, x and y are relative to its centre. ``found`` (p k) holds the nearest faces of each pixel, nearest first, and -1
in empty slots; ``depths`` (p k) holds their depths. ``d_x`` is the gradient of the loss with respect to ``x``.
:mod:`shelfnet.renderer.rasterizer` is the reference.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from shelfnet.renderer import pixel_face_pairs, rasterizer
from shelfnet.renderer.compiled_loops import compiled, inlined

ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
EPSILON, NEAR_DEPTH = np.float32(pixel_face_pairs.EPSILON), np.float32(pixel_face_pairs.NEAR_DEPTH)
BACKGROUND = np.float32(rasterizer.BACKGROUND_WEIGHT)
FAR, DEPTH_RANGE = np.float32(rasterizer.FAR), np.float32(rasterizer.FAR - rasterizer.NEAR)


class SoftImage(NamedTuple):
    """Soft silhouette ``p``, colours ``p 3`` and covered pixels ``p`` of a mesh, or the gradients of the first two.

    Of gradients, ``covered`` is not read.
    """

    silhouette: ndarray
    rgb: ndarray
    covered: ndarray


class PixelFaces(NamedTuple):
    """The faces of one pixel: scratch space.

    Args:
        corners: NDC x, NDC y and depth ``k 3 3`` of the corners; x and y are relative to the pixel's centre.
        barycentric: Perspective-correct barycentric coordinates ``k 3``, clipped to the face.
        signed_distance: Squared distances ``k`` to the nearest edge, negative inside the face.
        coverage: Probabilities ``k`` that the face covers the pixel.
        missed: Probabilities ``k`` that it does not.
        nearness: Normalised depths ``k``, 1 at the near plane.
        weight: Unnormalised blending weights ``k``.
        colour: Interpolated colours ``k 3``.
    """

    corners: ndarray
    barycentric: ndarray
    signed_distance: ndarray
    coverage: ndarray
    missed: ndarray
    nearness: ndarray
    weight: ndarray
    colour: ndarray


@compiled
def search_faces(
    corners: ndarray, first_face: int, resolution_px: int, blur_radius: float, depths: ndarray, found: ndarray
) -> None:
    """Fill in the faces that cover each pixel or lie within the blur radius, nearest first, and their depths.

    ``found`` is -1 at first; the first row of ``corners`` is the face ``first_face``. Of faces with equal depths, the
    first comes first.
    """
    margin, last = np.sqrt(blur_radius), found.shape[1] - 1
    scratch = _make_scratch(1)
    for face in range(len(corners)):
        if not _is_visible(corners, face):
            continue
        left, right = _pixel_span(corners, face, 0, margin, resolution_px)
        top, bottom = _pixel_span(corners, face, 1, margin, resolution_px)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                pixel = row * resolution_px + column
                _move_to_pixel(corners, face, row, column, resolution_px, scratch.corners, 0)
                distance = _locate(scratch.corners, 0, scratch.barycentric)
                depth = _interpolated_depth(scratch.corners, 0, scratch.barycentric)
                is_nearer = found[pixel, last] < 0 or depth < depths[pixel, last]
                if distance < blur_radius and _is_depth(depth) and is_nearer:
                    _insert(depth, first_face + face, depths, found, pixel)


@compiled
def render_forward(
    corners: ndarray, colours: ndarray, resolution_px: int, sigma: Any, gamma: Any, found: ndarray, image: SoftImage
) -> None:
    """Fill in the soft render of a mesh, whose silhouette is zero and whose colours are white at first.

    Args:
        corners: Corners of all faces.
        colours: Their RGB ``f 3 3``.
        resolution_px: Side of the image.
        sigma: Squared NDC distance over which coverage fades.
        gamma: Temperature of the softmax over depth.
        found: Nearest faces ``p k``.
        image: Render.
    """
    scratch = _make_scratch(found.shape[1])
    for pixel in range(len(found)):
        if found[pixel, 0] < 0:
            continue
        count = _evaluate_faces(corners, colours, pixel, resolution_px, sigma, gamma, found, scratch)
        total, all_missed, covered = BACKGROUND, ONE, False
        red = green = blue = BACKGROUND
        for k in range(count):
            weight = scratch.weight[k]
            total += weight
            all_missed *= scratch.missed[k]
            covered |= scratch.signed_distance[k] < ZERO
            red += weight * scratch.colour[k, 0]
            green += weight * scratch.colour[k, 1]
            blue += weight * scratch.colour[k, 2]
        image.silhouette[pixel] = ONE - all_missed
        image.covered[pixel] = covered
        image.rgb[pixel, 0] = red / total
        image.rgb[pixel, 1] = green / total
        image.rgb[pixel, 2] = blue / total


@compiled
def render_backward(
    corners: ndarray, colours: ndarray, resolution_px: int, sigma: Any, gamma: Any, found: ndarray, image: SoftImage,
    d_image: SoftImage, d_corners: ndarray,
) -> None:  # fmt: skip
    """Add the gradients of the corners; those of the colours are not computed."""
    scratch = _make_scratch(found.shape[1])
    d_barycentric, d_weights = np.zeros(3, np.float32), np.zeros(found.shape[1], np.float32)
    for pixel in range(len(found)):
        if found[pixel, 0] < 0:
            continue
        count = _evaluate_faces(corners, colours, pixel, resolution_px, sigma, gamma, found, scratch)
        d_red, d_green, d_blue = d_image.rgb[pixel, 0], d_image.rgb[pixel, 1], d_image.rgb[pixel, 2]
        total, all_missed = BACKGROUND, ONE
        for k in range(count):
            total += scratch.weight[k]
            all_missed *= scratch.missed[k]
        mean = d_red * image.rgb[pixel, 0] + d_green * image.rgb[pixel, 1] + d_blue * image.rgb[pixel, 2]
        d_largest = ZERO  # of the largest nearness, that of slot 0, which is subtracted from all others
        for k in range(count):
            value = d_red * scratch.colour[k, 0] + d_green * scratch.colour[k, 1] + d_blue * scratch.colour[k, 2]
            d_weights[k] = (value - mean) / total
            d_largest -= d_weights[k] * scratch.weight[k] / gamma
        for k in range(count):
            if scratch.coverage[k] == ZERO:
                continue
            face, through_weight = found[pixel, k], d_weights[k] * scratch.weight[k]
            d_nearness = through_weight / gamma
            if k == 0 and scratch.nearness[0] > ZERO:
                d_nearness += d_largest
            d_distance = d_image.silhouette[pixel] * all_missed * scratch.coverage[k]
            d_distance = -(d_distance + through_weight * scratch.missed[k]) / sigma
            d_depth, share = -d_nearness / DEPTH_RANGE, scratch.weight[k] / total
            for j in range(3):
                value = d_red * colours[face, j, 0] + d_green * colours[face, j, 1] + d_blue * colours[face, j, 2]
                d_barycentric[j] = d_depth * scratch.corners[k, j, 2] + share * value
                d_corners[face, j, 2] += d_depth * scratch.barycentric[k, j]
            _barycentric_backward(scratch, k, d_barycentric, d_corners, face)
            _distance_backward(scratch, k, d_distance, d_corners, face)


@compiled
def _make_scratch(slots: int) -> PixelFaces:
    return PixelFaces(
        np.zeros((slots, 3, 3), np.float32),
        np.zeros((slots, 3), np.float32),
        np.zeros(slots, np.float32),
        np.zeros(slots, np.float32),
        np.zeros(slots, np.float32),
        np.zeros(slots, np.float32),
        np.zeros(slots, np.float32),
        np.zeros((slots, 3), np.float32),
    )


@compiled
def _evaluate_faces(
    corners: ndarray, colours: ndarray, pixel: int, resolution_px: int, sigma: Any, gamma: Any, found: ndarray,
    scratch: PixelFaces,
) -> Any:  # fmt: skip
    """Fill in the faces of a pixel; returns their number, at least 1.

    The area of a sliver may round to zero here though it did not in the search. Its coverage is then zero.
    """
    row, column, slots = pixel // resolution_px, pixel % resolution_px, found.shape[1]
    count, largest = 0, -np.float32(np.inf)
    while count < slots and found[pixel, count] >= 0:
        k, face = count, found[pixel, count]
        count += 1
        _move_to_pixel(corners, face, row, column, resolution_px, scratch.corners, k)
        scratch.signed_distance[k] = _locate(scratch.corners, k, scratch.barycentric)
        depth = _interpolated_depth(scratch.corners, k, scratch.barycentric)
        power = np.exp(scratch.signed_distance[k] / sigma)
        scratch.coverage[k], scratch.nearness[k] = ONE / (ONE + power), (FAR - depth) / DEPTH_RANGE
        scratch.missed[k] = power * scratch.coverage[k]
        for channel in range(3):
            scratch.colour[k, channel] = (
                scratch.barycentric[k, 0] * colours[face, 0, channel]
                + scratch.barycentric[k, 1] * colours[face, 1, channel]
                + scratch.barycentric[k, 2] * colours[face, 2, channel]
            )
        if not _is_depth(depth):
            scratch.coverage[k], scratch.missed[k], scratch.nearness[k] = ZERO, ONE, ZERO
            scratch.colour[k] = ZERO
        largest = max(largest, scratch.nearness[k])
    if count < slots:  # an empty slot has a nearness of zero
        largest = max(largest, ZERO)
    for k in range(count):
        scratch.weight[k] = scratch.coverage[k] * np.exp((scratch.nearness[k] - largest) / gamma)
    return count


@compiled
def _is_visible(corners: ndarray, face: int) -> Any:
    """Whether a face is in front of the camera and not degenerate; NaN is not visible."""
    doubled_area = (corners[face, 1, 0] - corners[face, 0, 0]) * (corners[face, 2, 1] - corners[face, 0, 1])
    doubled_area -= (corners[face, 1, 1] - corners[face, 0, 1]) * (corners[face, 2, 0] - corners[face, 0, 0])
    in_front = corners[face, 0, 2] > NEAR_DEPTH and corners[face, 1, 2] > NEAR_DEPTH
    return in_front and corners[face, 2, 2] > NEAR_DEPTH and abs(doubled_area) > EPSILON


@compiled
def _pixel_span(corners: ndarray, face: int, axis: int, margin: float, resolution_px: int) -> Any:
    """First and last column or row of pixels whose centre lies in the dilated extent of a face."""
    a, b, c, size = corners[face, 0, axis], corners[face, 1, axis], corners[face, 2, axis], np.float32(resolution_px)
    first = HALF * size * (min(a, b, c) - margin + ONE) - HALF
    last = HALF * size * (max(a, b, c) + margin + ONE) - HALF
    return int(np.ceil(min(max(first, ZERO), size))), int(np.floor(min(max(last, -ONE), size - ONE)))


@inlined
def _move_to_pixel(corners: Any, face: Any, row: Any, column: Any, resolution_px: Any, moved: Any, k: Any) -> None:
    """Fill in the corners relative to a pixel's centre."""
    size = np.float32(resolution_px)
    x, y = (TWO * np.float32(column) + ONE) / size - ONE, (TWO * np.float32(row) + ONE) / size - ONE
    for j in range(3):
        moved[k, j, 0] = corners[face, j, 0] - x
        moved[k, j, 1] = corners[face, j, 1] - y
        moved[k, j, 2] = corners[face, j, 2]


@inlined
def _area(corners: Any, k: Any, start: Any, end: Any) -> Any:
    """Doubled signed area of the triangle of the pixel's centre and two corners."""
    return corners[k, start, 0] * corners[k, end, 1] - corners[k, start, 1] * corners[k, end, 0]


@compiled
def _locate(corners: ndarray, k: int, barycentric: ndarray) -> Any:
    """Fill in the clipped perspective-correct barycentric coordinates; returns the signed squared distance."""
    first, second, third = _area(corners, k, 1, 2), _area(corners, k, 2, 0), _area(corners, k, 0, 1)
    scale = ONE / (first + second + third)
    first, second, third = first * scale, second * scale, third * scale
    inside = first > ZERO and second > ZERO and third > ZERO
    first, second = max(first, ZERO) / corners[k, 0, 2], max(second, ZERO) / corners[k, 1, 2]
    third = max(third, ZERO) / corners[k, 2, 2]
    scale = ONE / (first + second + third)
    barycentric[k, 0], barycentric[k, 1], barycentric[k, 2] = first * scale, second * scale, third * scale
    nearest = min(
        _squared_distance(corners, k, 0, 1), _squared_distance(corners, k, 1, 2), _squared_distance(corners, k, 2, 0)
    )
    return -nearest if inside else nearest


@inlined
def _offset_to_edge(corners: Any, k: Any, start: Any, end: Any) -> Any:
    """Vector from the pixel's centre to the nearest point of an edge, and the place of this point on the edge."""
    edge_x, edge_y = corners[k, end, 0] - corners[k, start, 0], corners[k, end, 1] - corners[k, start, 1]
    length2 = max(edge_x * edge_x + edge_y * edge_y, EPSILON)
    along = -(corners[k, start, 0] * edge_x + corners[k, start, 1] * edge_y) / length2
    along = min(max(along, ZERO), ONE)
    return corners[k, start, 0] + along * edge_x, corners[k, start, 1] + along * edge_y, along


@inlined
def _squared_distance(corners: Any, k: Any, start: Any, end: Any) -> Any:
    x, y, _ = _offset_to_edge(corners, k, start, end)
    return x * x + y * y


@inlined
def _interpolated_depth(corners: Any, k: Any, barycentric: Any) -> Any:
    return (
        barycentric[k, 0] * corners[k, 0, 2]
        + barycentric[k, 1] * corners[k, 1, 2]
        + barycentric[k, 2] * corners[k, 2, 2]
    )


@inlined
def _is_depth(value: Any) -> Any:
    """Whether an interpolated depth is a finite number; ``numpy.isfinite`` of NaN holds where sums are reassociated."""
    return value > ZERO and value < np.float32(np.inf)


@inlined
def _insert(depth: Any, face: Any, depths: Any, found: Any, pixel: Any) -> None:
    """Insert a face into the sorted faces of a pixel, of which the last falls out."""
    place = found.shape[1] - 1
    while place > 0 and (found[pixel, place - 1] < 0 or depth < depths[pixel, place - 1]):
        depths[pixel, place], found[pixel, place] = depths[pixel, place - 1], found[pixel, place - 1]
        place -= 1
    depths[pixel, place], found[pixel, place] = depth, face


@inlined
def _barycentric_backward(scratch: Any, k: Any, d_barycentric: Any, d_corners: Any, face: Any) -> None:
    """Add the gradients of the corners through the barycentric coordinates.

    These do not depend on the scale of the areas, so the sum that normalises the areas has no gradient.
    """
    corners, barycentric = scratch.corners, scratch.barycentric
    scale = ONE / (_area(corners, k, 1, 2) + _area(corners, k, 2, 0) + _area(corners, k, 0, 1))
    mean = total = ZERO
    for j in range(3):
        affine = max(_area(corners, k, (j + 1) % 3, (j + 2) % 3) * scale, ZERO)
        total += affine / corners[k, j, 2]
        mean += d_barycentric[j] * barycentric[k, j]
    for j in range(3):
        if barycentric[k, j] > ZERO:
            start, end = (j + 1) % 3, (j + 2) % 3
            centred = (d_barycentric[j] - mean) / corners[k, j, 2]
            d_area = centred / total * scale
            d_corners[face, j, 2] -= centred * barycentric[k, j]
            d_corners[face, start, 0] += d_area * corners[k, end, 1]
            d_corners[face, start, 1] -= d_area * corners[k, end, 0]
            d_corners[face, end, 0] -= d_area * corners[k, start, 1]
            d_corners[face, end, 1] += d_area * corners[k, start, 0]


@inlined
def _distance_backward(scratch: Any, k: Any, d_distance: Any, d_corners: Any, face: Any) -> None:
    """Add the gradients of the corners through the signed distance.

    The nearest point is a minimum over the edge, so a change of its place on the edge does not change the distance.
    """
    corners = scratch.corners
    start, smallest = 0, _squared_distance(corners, k, 0, 1)
    for j in range(1, 3):
        squared = _squared_distance(corners, k, j, (j + 1) % 3)
        if squared < smallest:
            start, smallest = j, squared
    end = (start + 1) % 3
    factor = TWO * (-d_distance if scratch.signed_distance[k] < ZERO else d_distance)
    x, y, along = _offset_to_edge(corners, k, start, end)
    d_corners[face, start, 0] += factor * x * (ONE - along)
    d_corners[face, start, 1] += factor * y * (ONE - along)
    d_corners[face, end, 0] += factor * x * along
    d_corners[face, end, 1] += factor * y * along
