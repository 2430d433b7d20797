"""Compiled loops of :mod:`shelfnet.renderer.fused_march` over the rays of one object, forward and backward.

The first linear layer of a head is applied to the planes beforehand. What remains at a point is to sum three bilinear
values per hidden unit, apply the leaky ReLU and, for the occupancy, take a scalar product. The last layer of the
features is linear too: it is applied to the mean of the hidden units along a ray afterwards.

Arrays are float32, and points lie inside the cube.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from shelfnet.renderer.compiled_loops import compiled, inlined
from shelfnet.renderer.march_kernels import (
    EPSILON,
    ONE,
    ZERO,
    Rays,
    Samples,
    blend,
    blend_backward,
    blend_gradient,
    choose_largest,
    corner_values,
    exp,
    feature_axis,
    feature_slope,
    place_samples,
    place_samples_backward,
    weigh,
    weigh_backward,
)
from shelfnet.representations.triplane import TwoLayerPerceptron

LEAK = np.float32(TwoLayerPerceptron.LEAK)


class Planes(NamedTuple):
    """Hidden units on the planes of an object, before the leaky ReLU, or their gradients.

    Args:
        occupancy: Hidden units ``3 h w k`` of the occupancy on the planes XY, XZ and YZ; ``h`` equals ``w``.
        features: Hidden units ``3 h w m`` of the features.
        output: Weights ``k`` from hidden units to the occupancy logit.
        bias: Bias ``1`` of the occupancy logit.
        shared: Logits ``z y x`` that are added, at cell centres; empty if there are none.
    """

    occupancy: ndarray
    features: ndarray
    output: ndarray
    bias: ndarray
    shared: ndarray


class Scratch(NamedTuple):
    """Space for one sample, allocated once per call.

    Args:
        corners: Bilinear weights ``12`` of the corners around the three projections.
        firsts: Indices ``3`` of the first corners, in flat planes of one channel.
        hidden: Hidden units, or their gradients.
    """

    corners: ndarray
    firsts: ndarray
    hidden: ndarray


@compiled
def march_triplanes_forward(planes: Planes, rays: Rays, feature_samples: int, result: Samples) -> None:
    """Fill in the results of all rays, which are zero at first.

    ``result.mean`` has a channel more than the hidden units: the mean of one.
    """
    samples = result.weights.shape[1]
    points = np.zeros((3, samples), np.float32)
    chosen, largest = np.arange(feature_samples), np.zeros(feature_samples, np.float32)
    units = max(len(planes.output), planes.features.shape[3])
    scratch = Scratch(np.zeros(12, np.float32), np.zeros(3, np.int64), np.zeros(units, np.float32))
    for ray in range(len(rays.steps)):
        if rays.steps[ray] == ZERO:
            continue
        occupancy, weights = result.occupancy[ray], result.weights[ray]
        place_samples(rays, ray, points)
        _sample_occupancy(planes, points, scratch, occupancy)
        result.opacity[ray] = weigh(occupancy, rays.steps[ray], weights)
        choose_largest(weights, largest, chosen)
        _average_features(planes.features, points, weights, chosen, scratch, result.mean[ray])


@compiled
def march_triplanes_backward(
    planes: Planes, rays: Rays, feature_samples: int, result: Samples, d_result: Samples, d_planes: Planes,
    d_rays: Rays, with_rays: bool,
) -> None:  # fmt: skip
    """Add the gradients of the planes and, if ``with_rays``, fill in those of the rays; all are zero at first.

    ``d_result.weights`` has no rows if only opacity and mean features have a gradient. ``d_result.occupancy`` is
    not read.
    """
    samples = result.weights.shape[1]
    points, d_points = np.zeros((3, samples), np.float32), np.zeros((3, samples), np.float32)
    chosen, largest = np.arange(feature_samples), np.zeros(feature_samples, np.float32)
    gradient = np.zeros(samples, np.float32)  # of the weights, then of the occupancies
    units = max(len(planes.output), planes.features.shape[3])
    scratch = Scratch(np.zeros(12, np.float32), np.zeros(3, np.int64), np.zeros(units, np.float32))
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
            planes.features, points, weights, chosen, result.mean[ray], d_result.mean[ray], with_rays,
            scratch, gradient, d_planes.features, d_points,
        )  # fmt: skip
        d_step = weigh_backward(occupancy, step, weights, with_rays, gradient)
        _sample_occupancy_backward(planes, points, occupancy, gradient, with_rays, scratch, d_planes, d_points)
        if with_rays:
            d_rays.steps[ray] = d_step
            place_samples_backward(rays, ray, d_points, d_rays)


@inlined
def _fill_corner_weights(corners: Any, plane: Any, u: Any, v: Any) -> None:
    corners[4 * plane] = (ONE - u) * (ONE - v)
    corners[4 * plane + 1] = u * (ONE - v)
    corners[4 * plane + 2] = (ONE - u) * v
    corners[4 * plane + 3] = u * v


@inlined
def _project(x: Any, y: Any, z: Any, size: Any, scratch: Any) -> None:
    """Fill in first corners and bilinear weights of the projections of a point to the three planes."""
    i, u = feature_axis(x, size)
    j, v = feature_axis(y, size)
    k, w = feature_axis(z, size)
    scratch.firsts[0] = j * size + i
    scratch.firsts[1] = size * size + k * size + i
    scratch.firsts[2] = 2 * size * size + k * size + j
    _fill_corner_weights(scratch.corners, 0, u, v)
    _fill_corner_weights(scratch.corners, 1, u, w)
    _fill_corner_weights(scratch.corners, 2, v, w)


@inlined
def _sum_projections(flat: Any, channels: Any, size: Any, scratch: Any, hidden: Any) -> None:
    """Sums over the three planes of the bilinear values at the projections of a point."""
    right, down = (channels, channels * size) if size > 1 else (0, 0)
    for channel in range(channels):
        hidden[channel] = ZERO
    for plane in range(3):
        first = scratch.firsts[plane] * channels
        a, b = scratch.corners[4 * plane], scratch.corners[4 * plane + 1]
        c, d = scratch.corners[4 * plane + 2], scratch.corners[4 * plane + 3]
        for channel in range(channels):
            corner = first + channel
            hidden[channel] += (
                a * flat[np.uint64(corner)]
                + b * flat[np.uint64(corner + right)]
                + c * flat[np.uint64(corner + down)]
                + d * flat[np.uint64(corner + down + right)]
            )


@inlined
def _scatter_projections(d_flat: Any, channels: Any, size: Any, scratch: Any, d_hidden: Any) -> None:
    """Add the gradient of the hidden units of a point to the corners of its projections."""
    right, down = (channels, channels * size) if size > 1 else (0, 0)
    for corner in range(12):
        first = scratch.firsts[corner // 4] * channels + (corner % 2) * right + (corner % 4 // 2) * down
        weight = scratch.corners[corner]
        for channel in range(channels):
            d_flat[np.uint64(first + channel)] += weight * d_hidden[channel]


@inlined
def _add_point_gradient(
    flat: Any, channels: Any, size: Any, x: Any, y: Any, z: Any, scratch: Any, d_hidden: Any, d_points: Any, s: Any
) -> None:
    """Add the gradient with respect to a point, from that of its hidden units."""
    right, down = (channels, channels * size) if size > 1 else (0, 0)
    fractions = (feature_axis(x, size)[1], feature_axis(y, size)[1], feature_axis(z, size)[1])
    slopes = (feature_slope(x, size), feature_slope(y, size), feature_slope(z, size))
    for plane in range(3):
        width, height = (0 if plane < 2 else 1), (1 if plane == 0 else 2)
        a, b, c, d = ZERO, ZERO, ZERO, ZERO
        for channel in range(channels):
            corner = scratch.firsts[plane] * channels + channel
            a += d_hidden[channel] * flat[np.uint64(corner)]
            b += d_hidden[channel] * flat[np.uint64(corner + right)]
            c += d_hidden[channel] * flat[np.uint64(corner + down)]
            d += d_hidden[channel] * flat[np.uint64(corner + down + right)]
        u, v = fractions[width], fractions[height]
        d_points[width, s] += slopes[width] * ((ONE - v) * (b - a) + v * (d - c))
        d_points[height, s] += slopes[height] * ((ONE - u) * (c - a) + u * (d - b))


@inlined
def _shared_cell(x: Any, y: Any, z: Any, shape: Any) -> Any:
    """Flat index of the first corner of the cell around a point, its fractions, and the steps to the other corners."""
    i, u = feature_axis(x, shape[2])
    j, v = feature_axis(y, shape[1])
    k, w = feature_axis(z, shape[0])
    right = 1 if shape[2] > 1 else 0
    down = shape[2] if shape[1] > 1 else 0
    back = shape[1] * shape[2] if shape[0] > 1 else 0
    return (k * shape[1] + j) * shape[2] + i, u, v, w, right, down, back


@compiled
def _sample_occupancy(planes: Planes, points: ndarray, scratch: Scratch, occupancy: ndarray) -> None:
    """Occupancy at points."""
    size, channels = planes.occupancy.shape[1], planes.occupancy.shape[3]
    flat, shared, hidden = planes.occupancy.reshape(-1), planes.shared.reshape(-1), scratch.hidden
    for s in range(len(occupancy)):
        x, y, z = points[0, s], points[1, s], points[2, s]
        _project(x, y, z, size, scratch)
        _sum_projections(flat, channels, size, scratch, hidden)
        logit = planes.bias[0]
        for channel in range(channels):
            value = hidden[channel]
            logit += planes.output[channel] * (value if value > ZERO else LEAK * value)
        if len(shared):
            first, u, v, w, right, down, back = _shared_cell(x, y, z, planes.shared.shape)
            a, b, c, d, e, f, g, h = corner_values(shared, first, right, down, back)
            logit += blend(a, b, c, d, e, f, g, h, u, v, w)
        small = exp(-abs(logit))
        occupancy[s] = (ONE if logit > ZERO else small) / (ONE + small)


@compiled
def _sample_occupancy_backward(
    planes: Planes, points: ndarray, occupancy: ndarray, d_occupancy: ndarray, with_points: bool, scratch: Scratch,
    d_planes: Planes, d_points: ndarray,
) -> None:  # fmt: skip
    size, channels = planes.occupancy.shape[1], planes.occupancy.shape[3]
    flat, shared, hidden = planes.occupancy.reshape(-1), planes.shared.reshape(-1), scratch.hidden
    d_flat, d_shared = d_planes.occupancy.reshape(-1), d_planes.shared.reshape(-1)
    for s in range(len(occupancy)):
        d_logit = d_occupancy[s] * occupancy[s] * (ONE - occupancy[s])
        if d_logit == ZERO:
            continue
        x, y, z = points[0, s], points[1, s], points[2, s]
        _project(x, y, z, size, scratch)
        _sum_projections(flat, channels, size, scratch, hidden)
        d_planes.bias[0] += d_logit
        for channel in range(channels):
            value = hidden[channel]
            slope = ONE if value > ZERO else LEAK
            d_planes.output[channel] += d_logit * slope * value
            hidden[channel] = d_logit * slope * planes.output[channel]
        _scatter_projections(d_flat, channels, size, scratch, hidden)
        if with_points:
            _add_point_gradient(flat, channels, size, x, y, z, scratch, hidden, d_points, s)
        if len(shared):
            first, u, v, w, right, down, back = _shared_cell(x, y, z, planes.shared.shape)
            blend_backward(d_shared, first, right, down, back, d_logit, u, v, w)
            if with_points:
                a, b, c, d, e, f, g, h = corner_values(shared, first, right, down, back)
                along_x, along_y, along_z = blend_gradient(a, b, c, d, e, f, g, h, u, v, w)
                d_points[0, s] += d_logit * along_x * feature_slope(x, planes.shared.shape[2])
                d_points[1, s] += d_logit * along_y * feature_slope(y, planes.shared.shape[1])
                d_points[2, s] += d_logit * along_z * feature_slope(z, planes.shared.shape[0])


@compiled
def _average_features(
    features: ndarray, points: ndarray, weights: ndarray, chosen: ndarray, scratch: Scratch, mean: ndarray
) -> None:
    """Weighted mean of the hidden units after the leaky ReLU, and of one, at the chosen points."""
    size, channels = features.shape[1], features.shape[3]
    flat, hidden, total = features.reshape(-1), scratch.hidden, ZERO
    for s in chosen:
        weight = weights[s]
        if weight == ZERO:
            continue
        total += weight
        _project(points[0, s], points[1, s], points[2, s], size, scratch)
        _sum_projections(flat, channels, size, scratch, hidden)
        for channel in range(channels):
            value = hidden[channel]
            mean[channel] += weight * (value if value > ZERO else LEAK * value)
    mean[channels] = total
    for channel in range(channels + 1):
        mean[channel] /= total + EPSILON


@compiled
def _average_features_backward(
    features: ndarray, points: ndarray, weights: ndarray, chosen: ndarray, mean: ndarray, d_mean: ndarray,
    with_points: bool, scratch: Scratch, d_weights: ndarray, d_features: ndarray, d_points: ndarray,
) -> None:  # fmt: skip
    """Add the gradients of weights, features and points."""
    size, channels = features.shape[1], features.shape[3]
    flat, d_flat, hidden = features.reshape(-1), d_features.reshape(-1), scratch.hidden
    total, along_mean = EPSILON, ZERO
    for s in chosen:
        total += weights[s]
    for channel in range(channels + 1):
        along_mean += d_mean[channel] * mean[channel]
    for s in chosen:
        x, y, z = points[0, s], points[1, s], points[2, s]
        _project(x, y, z, size, scratch)
        _sum_projections(flat, channels, size, scratch, hidden)
        product, weight = d_mean[channels] - along_mean, weights[s] / total
        for channel in range(channels):
            value = hidden[channel]
            slope = ONE if value > ZERO else LEAK
            product += d_mean[channel] * slope * value
            hidden[channel] = weight * slope * d_mean[channel]
        d_weights[s] += product / total
        if weight != ZERO:
            _scatter_projections(d_flat, channels, size, scratch, hidden)
            if with_points:
                _add_point_gradient(flat, channels, size, x, y, z, scratch, hidden, d_points, s)
