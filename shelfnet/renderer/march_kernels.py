"""Compiled loops of :mod:`shelfnet.renderer.fused_march` over the rays of one object, forward and backward.

Arrays are float32. Functions of single rays take ``points``, the coordinates of the ray's samples as rows x, y and z.
Rays whose ``step`` is zero miss the cube: their results and gradients stay zero.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from shelfnet.renderer.compiled_loops import compiled, inlined

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
ALMOST_ONE = np.float32(0.999)
MAX_OCCUPANCY = np.float32(1.0 - 1e-5)
EPSILON = np.float32(1e-4)


class Grids(NamedTuple):
    """Grids of an object, or their gradients.

    Args:
        occupancy: Occupancy ``z y x`` with a border of zeros, one cell wide.
        features: Features ``z y x c``, flat.
        size: Cells of ``features`` along z, y and x.
    """

    occupancy: ndarray
    features: ndarray
    size: tuple[int, int, int]


class Rays(NamedTuple):
    """Rays through an object, or their gradients; sample ``s`` of ``n`` lies at ``start + (s + phase) / n * span``.

    Args:
        starts: Points ``r 3`` at the entries into the cube.
        spans: Vectors ``r 3`` from there to the exits.
        steps: Distances ``r`` between samples in voxels.
        phases: Positions ``r`` of the samples within their intervals; without gradient.
    """

    starts: ndarray
    spans: ndarray
    steps: ndarray
    phases: ndarray


class Samples(NamedTuple):
    """Results of a march.

    Args:
        occupancy: Occupancy ``r s`` at the samples.
        weights: Rendering weights ``r s``.
        opacity: Sums ``r`` of the weights.
        mean: Mean features ``r c`` of the samples with the largest weights, by weight.
    """

    occupancy: ndarray
    weights: ndarray
    opacity: ndarray
    mean: ndarray


@compiled
def march_forward(grids: Grids, rays: Rays, feature_samples: int, result: Samples) -> None:
    """Fill in the results of all rays, which are zero at first."""
    samples = result.weights.shape[1]
    points, corners = np.zeros((3, samples), np.float32), np.zeros((2, 8), np.float32)
    chosen, largest = np.arange(feature_samples), np.zeros(feature_samples, np.float32)
    for ray in range(len(rays.steps)):
        if rays.steps[ray] == ZERO:
            continue
        occupancy, weights = result.occupancy[ray], result.weights[ray]
        place_samples(rays, ray, points)
        _sample_occupancy(grids.occupancy, points, occupancy)
        result.opacity[ray] = weigh(occupancy, rays.steps[ray], weights)
        choose_largest(weights, largest, chosen)
        _average_features(grids, points, weights, chosen, corners, result.mean[ray])


@compiled
def march_backward(
    grids: Grids, rays: Rays, feature_samples: int, result: Samples, d_result: Samples, d_grids: Grids, d_rays: Rays,
    with_rays: bool,
) -> None:  # fmt: skip
    """Add the gradients of the grids and, if ``with_rays``, fill in those of the rays; all are zero at first.

    ``d_result.weights`` has no rows if only opacity and mean features have a gradient. ``d_result.occupancy`` is
    not read.
    """
    samples, channels = result.weights.shape[1], result.mean.shape[1]
    points, d_points = np.zeros((3, samples), np.float32), np.zeros((3, samples), np.float32)
    corners, d_sum = np.zeros((3, 8), np.float32), np.zeros(channels, np.float32)
    chosen, largest = np.arange(feature_samples), np.zeros(feature_samples, np.float32)
    gradient = np.zeros(samples, np.float32)  # of the weights, then of the occupancies
    for ray in range(len(rays.steps)):
        step = rays.steps[ray]
        if step == ZERO:
            continue
        occupancy, weights = result.occupancy[ray], result.weights[ray]
        gradient[:] = d_result.opacity[ray]
        if len(d_result.weights):
            for s in range(samples):
                gradient[s] += d_result.weights[ray, s]
        d_points[:] = ZERO
        place_samples(rays, ray, points)
        choose_largest(weights, largest, chosen)
        _average_features_backward(
            grids, points, weights, chosen, result.mean[ray], d_result.mean[ray], with_rays,
            corners, d_sum, gradient, d_grids, d_points,
        )  # fmt: skip
        d_step = weigh_backward(occupancy, step, weights, with_rays, gradient)
        _sample_occupancy_backward(grids.occupancy, points, gradient, with_rays, d_grids.occupancy, d_points)
        if with_rays:
            d_rays.steps[ray] = d_step
            place_samples_backward(rays, ray, d_points, d_rays)


@compiled
def place_samples(rays: Rays, ray: int, points: ndarray) -> None:
    """Fill in the samples of a ray."""
    start, span, phase = rays.starts[ray], rays.spans[ray], rays.phases[ray]
    interval = ONE / np.float32(points.shape[1])
    for s in range(points.shape[1]):
        t = (np.float32(s) + phase) * interval
        points[0, s] = start[0] + t * span[0]
        points[1, s] = start[1] + t * span[1]
        points[2, s] = start[2] + t * span[2]


@compiled
def place_samples_backward(rays: Rays, ray: int, d_points: ndarray, d_rays: Rays) -> None:
    """Fill in the gradients of a ray's start and span."""
    phase, interval = rays.phases[ray], ONE / np.float32(d_points.shape[1])
    for axis in range(3):
        d_start = d_span = ZERO
        for s in range(d_points.shape[1]):
            d_start += d_points[axis, s]
            d_span += (np.float32(s) + phase) * interval * d_points[axis, s]
        d_rays.starts[ray, axis] = d_start
        d_rays.spans[ray, axis] = d_span


@inlined
def clamped(x: Any, low: Any, high: Any) -> Any:
    """``x`` in [low, high]; NaN becomes ``low`` and so never an index outside a grid."""
    x = x if x > low else low
    return x if x < high else high


@inlined
def _occupancy_cell(x: Any, y: Any, z: Any, shape: Any) -> Any:
    """Flat index of the first corner of the cell around a point in the bordered grid, and three fractions in the cell.

    Points beyond the border are moved to its outermost values, which are zero up to rounding.
    """
    size_z, size_y, size_x = np.float32(shape[0] - 2), np.float32(shape[1] - 2), np.float32(shape[2] - 2)
    x = clamped((x + HALF) * size_x + HALF, ZERO, size_x + ALMOST_ONE)
    y = clamped((y + HALF) * size_y + HALF, ZERO, size_y + ALMOST_ONE)
    z = clamped((z + HALF) * size_z + HALF, ZERO, size_z + ALMOST_ONE)
    i, j, k = np.int32(x), np.int32(y), np.int32(z)
    first = np.uint32((k * np.int32(shape[1]) + j) * np.int32(shape[2]) + i)
    return first, x - np.float32(i), y - np.float32(j), z - np.float32(k)


@compiled
def _sample_occupancy(grid: ndarray, points: ndarray, occupancy: ndarray) -> None:
    """Trilinear occupancy at points."""
    flat, column = grid.reshape(-1), np.uint32(1)
    row, plane = np.uint32(grid.shape[2]), np.uint32(grid.shape[1] * grid.shape[2])
    for s in range(len(occupancy)):
        first, u, v, w = _occupancy_cell(points[0, s], points[1, s], points[2, s], grid.shape)
        a, b, c, d, e, f, g, h = corner_values(flat, first, column, row, plane)
        occupancy[s] = blend(a, b, c, d, e, f, g, h, u, v, w)


@compiled
def _sample_occupancy_backward(
    grid: ndarray, points: ndarray, d_occupancy: ndarray, with_points: bool, d_grid: ndarray, d_points: ndarray
) -> None:
    flat, d_flat, column = grid.reshape(-1), d_grid.reshape(-1), np.uint32(1)
    row, plane = np.uint32(grid.shape[2]), np.uint32(grid.shape[1] * grid.shape[2])
    for s in range(len(d_occupancy)):
        gradient = d_occupancy[s]
        if gradient == ZERO:
            continue
        first, u, v, w = _occupancy_cell(points[0, s], points[1, s], points[2, s], grid.shape)
        blend_backward(d_flat, first, column, row, plane, gradient, u, v, w)
        if with_points:
            a, b, c, d, e, f, g, h = corner_values(flat, first, column, row, plane)
            along_x, along_y, along_z = blend_gradient(a, b, c, d, e, f, g, h, u, v, w)
            d_points[0, s] += gradient * along_x * np.float32(grid.shape[2] - 2)
            d_points[1, s] += gradient * along_y * np.float32(grid.shape[1] - 2)
            d_points[2, s] += gradient * along_z * np.float32(grid.shape[0] - 2)


@inlined
def corner_values(flat: Any, first: Any, right: Any, down: Any, back: Any) -> Any:
    """Values at the eight corners of a cell, x fastest, from the index of the first and the steps along the axes."""
    return (
        flat[first], flat[first + right], flat[first + down], flat[first + down + right],
        flat[first + back], flat[first + back + right], flat[first + back + down], flat[first + back + down + right],
    )  # fmt: skip


@inlined
def blend(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, u: Any, v: Any, w: Any) -> Any:
    """Trilinear blend of eight corners, x fastest."""
    near = (a + u * (b - a)) * (ONE - v) + (c + u * (d - c)) * v
    far = (e + u * (f - e)) * (ONE - v) + (g + u * (h - g)) * v
    return near * (ONE - w) + far * w


@inlined
def blend_backward(
    d_flat: Any, first: Any, right: Any, down: Any, back: Any, gradient: Any, u: Any, v: Any, w: Any
) -> None:
    """Add the gradient of a trilinear blend to those of its eight corners."""
    near, far = gradient * (ONE - w), gradient * w
    d_flat[first] += near * (ONE - v) * (ONE - u)
    d_flat[first + right] += near * (ONE - v) * u
    d_flat[first + down] += near * v * (ONE - u)
    d_flat[first + down + right] += near * v * u
    d_flat[first + back] += far * (ONE - v) * (ONE - u)
    d_flat[first + back + right] += far * (ONE - v) * u
    d_flat[first + back + down] += far * v * (ONE - u)
    d_flat[first + back + down + right] += far * v * u


@inlined
def blend_gradient(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, u: Any, v: Any, w: Any) -> Any:
    """Derivatives of the trilinear blend of eight corners, x fastest, with respect to its three fractions."""
    near, far = (ONE - v) * (b - a) + v * (d - c), (ONE - v) * (f - e) + v * (h - g)
    ab, cd, ef, gh = a + u * (b - a), c + u * (d - c), e + u * (f - e), g + u * (h - g)
    return (
        (ONE - w) * near + w * far,
        (ONE - w) * (cd - ab) + w * (gh - ef),
        (ef + v * (gh - ef)) - (ab + v * (cd - ab)),
    )


@inlined
def _log(y: Any) -> Any:
    """Natural logarithm of a positive number by the polynomial of Cephes.

    Loops over it become vector instructions; over the C library's function they do not.
    """
    bits = np.float32(y).view(np.int32)
    exponent = np.int32((bits - np.int32(0x3F3504F3)) >> np.int32(23))
    m = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32) - ONE
    p = np.float32(7.0376836292e-2)
    p = p * m + np.float32(-1.1514610310e-1)
    p = p * m + np.float32(1.1676998740e-1)
    p = p * m + np.float32(-1.2420140846e-1)
    p = p * m + np.float32(1.4249322787e-1)
    p = p * m + np.float32(-1.6668057665e-1)
    p = p * m + np.float32(2.0000714765e-1)
    p = p * m + np.float32(-2.4999993993e-1)
    p = p * m + np.float32(3.3333331174e-1)
    result = p * m * m * m - HALF * m * m + m + np.float32(exponent) * np.float32(0.693147181)
    return result if y == y else y


@inlined
def exp(x: Any) -> Any:
    """Exponential of a number of at most zero, likewise; below -87 it is that of -87."""
    clamped = np.float32(-87.0) if x < np.float32(-87.0) else x
    n = np.floor(clamped * np.float32(1.44269504) + HALF)
    r = (clamped - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    result = (p * r * r + r + ONE) * power
    return result if x == x else x


@inlined
def _log_transparency(occupancy: Any) -> Any:
    return _log(ONE - (MAX_OCCUPANCY if occupancy > MAX_OCCUPANCY else occupancy))


@compiled
def weigh(occupancy: ndarray, step: float, weights: ndarray) -> Any:
    """Fill in the rendering weights of the samples; returns their sum."""
    for s in range(len(weights)):
        weights[s] = exp(step * _log_transparency(occupancy[s]))
    before = ONE
    for s in range(len(weights)):
        after = before * weights[s]
        weights[s] = before - after
        before = after
    return ONE - before


@compiled
def weigh_backward(occupancy: ndarray, step: float, weights: ndarray, with_step: bool, gradient: ndarray) -> Any:
    """Replace the gradient of the weights by that of the occupancies; returns that of the step, if asked for.

    With transmittance T after each sample, ``w[s] = T[s-1] - T[s]`` and ``T[s] = exp(step * sum of logs up to s)``.
    """
    last = len(weights) - 1
    transmittance = ONE
    for s in range(last):
        transmittance -= weights[s]
        gradient[s] = transmittance * (gradient[s + 1] - gradient[s])
    gradient[last] = (weights[last] - transmittance) * gradient[last]
    total = ZERO
    for s in range(last, -1, -1):
        total += gradient[s]
        gradient[s] = total
    d_step = ZERO
    if with_step:
        for s in range(last + 1):
            d_step += gradient[s] * _log_transparency(occupancy[s])
    for s in range(last + 1):
        value = occupancy[s]
        gradient[s] = ZERO if value > MAX_OCCUPANCY else -step * gradient[s] / (ONE - value)
    return d_step


@compiled
def choose_largest(weights: ndarray, largest: ndarray, chosen: ndarray) -> None:
    """Fill in the indices, in order, of the largest weights; of equal ones, the first. ``largest`` is scratch space."""
    count = len(chosen)
    if count == len(weights):
        return
    largest[:] = -ONE
    for s in range(len(weights)):
        weight = weights[s]
        if weight > largest[count - 1]:
            place = count - 1
            while place > 0 and largest[place - 1] < weight:
                largest[place] = largest[place - 1]
                place -= 1
            largest[place] = weight
    threshold, ties, found = largest[count - 1], 0, 0
    for place in range(count):
        ties += largest[place] == threshold
    for s in range(len(weights)):
        if weights[s] > threshold or (weights[s] == threshold and ties > 0):
            ties -= weights[s] == threshold
            chosen[found] = s
            found += 1


@inlined
def feature_axis(x: Any, size: Any) -> Any:
    """Index of the cell centre below a coordinate, clamped to the outermost centres, and the fraction above it."""
    position = clamped((x + HALF) * np.float32(size) - HALF, ZERO, np.float32(size - 1))
    index = np.int64(position)
    if index > size - 2:
        index = max(size - 2, 0)
    return index, position - np.float32(index)


@inlined
def feature_slope(x: Any, size: Any) -> Any:
    """Derivative of the position in :func:`feature_axis`: zero where it is clamped."""
    position = (x + HALF) * np.float32(size) - HALF
    return np.float32(size) if position > ZERO and position < np.float32(size - 1) else ZERO


@inlined
def _corner_offsets(size: Any, channels: Any) -> Any:
    """Flat offsets of the eight corners of a cell from the first, x fastest; zero along an axis of one cell."""
    x = channels if size[2] > 1 else 0
    y = channels * size[2] if size[1] > 1 else 0
    z = channels * size[2] * size[1] if size[0] > 1 else 0
    return 0, x, y, y + x, z, z + x, z + y, z + y + x


@inlined
def _fill_corner_weights(corners: Any, u: Any, v: Any, w: Any) -> None:
    low, high = (ONE - v) * (ONE - w), v * (ONE - w)
    corners[0], corners[1], corners[2], corners[3] = low * (ONE - u), low * u, high * (ONE - u), high * u
    low, high = (ONE - v) * w, v * w
    corners[4], corners[5], corners[6], corners[7] = low * (ONE - u), low * u, high * (ONE - u), high * u


@compiled
def _average_features(
    grids: Grids, points: ndarray, weights: ndarray, chosen: ndarray, corners: ndarray, mean: ndarray
) -> None:
    """Weighted mean of the trilinear features at the chosen points. ``corners`` is scratch space.

    Consecutive points in one cell share its corners, so that their weights are summed per corner first. Channels are
    then read once per cell.
    """
    size, channels = grids.size, len(mean)
    offsets = _corner_offsets(size, channels)
    of_point, of_cell = corners[0], corners[1]
    cell, total = -1, EPSILON
    for s in chosen:
        if weights[s] == ZERO:
            continue
        total += weights[s]
        i, u = feature_axis(points[0, s], size[2])
        j, v = feature_axis(points[1, s], size[1])
        k, w = feature_axis(points[2, s], size[0])
        first = channels * ((k * size[1] + j) * size[2] + i)
        if first != cell:
            if cell >= 0:
                _add_corners(grids.features, cell, offsets, of_cell, mean)
            of_cell[:] = ZERO
            cell = first
        _fill_corner_weights(of_point, u, v, w)
        for corner in range(8):
            of_cell[corner] += weights[s] * of_point[corner]
    if cell >= 0:
        _add_corners(grids.features, cell, offsets, of_cell, mean)
    for c in range(channels):
        mean[c] /= total


@compiled
def _average_features_backward(
    grids: Grids, points: ndarray, weights: ndarray, chosen: ndarray, mean: ndarray, d_mean: ndarray,
    with_points: bool, corners: ndarray, d_sum: ndarray, d_weights: ndarray, d_grids: Grids, d_points: ndarray,
) -> None:  # fmt: skip
    """Add the gradients of weights, features and points. ``corners`` and ``d_sum`` are scratch space."""
    size, channels = grids.size, len(mean)
    offsets = _corner_offsets(size, channels)
    of_point, of_cell, products = corners[0], corners[1], corners[2]
    total, along_mean = EPSILON, ZERO
    for s in chosen:
        total += weights[s]
    for c in range(channels):
        d_sum[c] = d_mean[c] / total
        along_mean += d_sum[c] * mean[c]
    cell = -1
    for s in chosen:
        i, u = feature_axis(points[0, s], size[2])
        j, v = feature_axis(points[1, s], size[1])
        k, w = feature_axis(points[2, s], size[0])
        first = channels * ((k * size[1] + j) * size[2] + i)
        if first != cell:
            if cell >= 0:
                _scatter_corners(d_grids.features, cell, offsets, of_cell, d_sum)
            of_cell[:] = ZERO
            cell = first
            _multiply_corners(grids.features, cell, offsets, d_sum, products)
        _fill_corner_weights(of_point, u, v, w)
        product = ZERO
        for corner in range(8):
            of_cell[corner] += weights[s] * of_point[corner]
            product += of_point[corner] * products[corner]
        d_weights[s] += product - along_mean
        if with_points:
            a, b, c, d = products[0], products[1], products[2], products[3]
            e, f, g, h = products[4], products[5], products[6], products[7]
            along_x, along_y, along_z = blend_gradient(a, b, c, d, e, f, g, h, u, v, w)
            d_points[0, s] += weights[s] * along_x * feature_slope(points[0, s], size[2])
            d_points[1, s] += weights[s] * along_y * feature_slope(points[1, s], size[1])
            d_points[2, s] += weights[s] * along_z * feature_slope(points[2, s], size[0])
    if cell >= 0:
        _scatter_corners(d_grids.features, cell, offsets, of_cell, d_sum)


@inlined
def _add_corners(features: Any, cell: Any, offsets: Any, weights: Any, total: Any) -> None:
    """Add the weighted features of a cell's corners to ``total``."""
    a, b, c, d, e, f, g, h = offsets
    for channel in range(len(total)):
        first = cell + channel
        total[channel] += (
            weights[0] * features[np.uint64(first + a)]
            + weights[1] * features[np.uint64(first + b)]
            + weights[2] * features[np.uint64(first + c)]
            + weights[3] * features[np.uint64(first + d)]
            + weights[4] * features[np.uint64(first + e)]
            + weights[5] * features[np.uint64(first + f)]
            + weights[6] * features[np.uint64(first + g)]
            + weights[7] * features[np.uint64(first + h)]
        )


@inlined
def _multiply_corners(features: Any, cell: Any, offsets: Any, factor: Any, products: Any) -> None:
    """Scalar products of the features of a cell's corners with ``factor``."""
    for corner in range(8):
        first, product = cell + offsets[corner], ZERO
        for channel in range(len(factor)):
            product += features[np.uint64(first + channel)] * factor[channel]
        products[corner] = product


@inlined
def _scatter_corners(d_features: Any, cell: Any, offsets: Any, weights: Any, gradient: Any) -> None:
    """Add the weighted gradient to the features of a cell's corners."""
    for corner in range(8):
        first, weight = cell + offsets[corner], weights[corner]
        for channel in range(len(gradient)):
            d_features[np.uint64(first + channel)] += weight * gradient[channel]
