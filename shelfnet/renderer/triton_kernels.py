"""Triton kernels of :mod:`shelfnet.renderer.triton_march`: visibility along rays and mixing of features.

A program marches a block of rays of one object. Sample ``s`` of ``n`` of a ray lies at
``start + (s + phase) / n * span``. Points are rows ``ray 3``. Weights and their gradients are stored as ``sample ray``,
so that neighbouring rays are neighbours in memory. Gradients of grids are added atomically, in float32.
"""

import inspect
from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl

MAX_OCCUPANCY = tl.constexpr(1.0 - 1e-5)
EPSILON = tl.constexpr(1e-4)


def _kernel(function: Callable[..., Any]) -> Any:
    """Compile at the first call for each kind of arguments; the function itself, without checks of its arguments."""
    return triton.jit(inspect.unwrap(function))


@_kernel
def visibility_forward(
    grid, starts, spans, steps, phases, weights, opacity, transmittance,
    rays, samples: tl.constexpr, size_z, size_y, size_x, block: tl.constexpr,
):  # fmt: skip
    """Weights of all samples, their sums, and the transmittance behind the last sample."""
    ray = tl.program_id(0) * block + tl.arange(0, block)
    valid = ray < rays
    row = tl.program_id(1).to(tl.int64) * rays + ray
    first = tl.program_id(1).to(tl.int64) * rays * samples + ray
    grid += tl.program_id(1).to(tl.int64) * size_z * size_y * size_x
    step, phase = tl.load(steps + row, valid, 0.0), tl.load(phases + row, valid, 0.0)
    log_transmittance, before = tl.zeros([block], tl.float32), tl.full([block], 1.0, tl.float32)
    for sample in range(samples):
        t = (sample + phase) / samples
        x, y, z = _point(starts, spans, row, t, valid)
        cells, inside, shares, _, _, _ = _corners(x, y, z, size_z, size_y, size_x, False)
        occupancy = tl.sum(shares * tl.load(grid + cells, inside & valid[:, None], 0.0), axis=1)
        log_transmittance += step * tl.log(1.0 - _limited(occupancy))
        after = tl.exp(log_transmittance)
        tl.store(weights + first + sample * rays, before - after, valid)
        before = after
    tl.store(opacity + row, 1.0 - before, valid)
    tl.store(transmittance + row, before, valid)


@_kernel
def visibility_backward(
    grid, starts, spans, steps, phases, weights, transmittance, d_weights, d_opacity,
    d_grid, d_starts, d_spans, d_steps,
    rays, samples: tl.constexpr, size_z, size_y, size_x, with_rays: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Gradients of the grid and, if asked for, of starts, spans and steps.

    With transmittance T behind each sample, ``w[s] = T[s-1] - T[s]`` and ``T[s] = exp(step * sum of logs up to s)``.
    Samples are visited from the last one, so that T is a sum of positive numbers.
    """
    ray = tl.program_id(0) * block + tl.arange(0, block)
    valid = ray < rays
    row = tl.program_id(1).to(tl.int64) * rays + ray
    first = tl.program_id(1).to(tl.int64) * rays * samples + ray
    offset = tl.program_id(1).to(tl.int64) * size_z * size_y * size_x
    grid, d_grid = grid + offset, d_grid + offset
    step, phase = tl.load(steps + row, valid, 0.0), tl.load(phases + row, valid, 0.0)
    d_sum = tl.load(d_opacity + row, valid, 0.0)
    after = tl.load(transmittance + row, valid, 0.0)
    zero = tl.zeros([block], tl.float32)
    d_later, d_log, d_step = zero, zero, zero
    d_start_x, d_start_y, d_start_z = zero, zero, zero
    d_span_x, d_span_y, d_span_z = zero, zero, zero
    for back in range(samples):
        sample = samples - 1 - back
        t = (sample + phase) / samples
        d_weight = d_sum + tl.load(d_weights + first + sample * rays, valid, 0.0)
        d_log += after * (d_later - d_weight)
        d_later = d_weight
        after += tl.load(weights + first + sample * rays, valid, 0.0)
        x, y, z = _point(starts, spans, row, t, valid)
        cells, inside, shares, slope_x, slope_y, slope_z = _corners(x, y, z, size_z, size_y, size_x, False)
        inside = inside & valid[:, None]
        corners = tl.load(grid + cells, inside, 0.0)
        occupancy = tl.sum(shares * corners, axis=1)
        limited = _limited(occupancy)
        d_occupancy = tl.where(occupancy > MAX_OCCUPANCY, 0.0, -step * d_log / (1.0 - limited))
        tl.atomic_add(d_grid + cells, d_occupancy[:, None] * shares, inside & (d_occupancy != 0.0)[:, None])
        if with_rays:
            d_step += d_log * tl.log(1.0 - limited)
            d_x = d_occupancy * tl.sum(slope_x * corners, axis=1)
            d_y = d_occupancy * tl.sum(slope_y * corners, axis=1)
            d_z = d_occupancy * tl.sum(slope_z * corners, axis=1)
            d_start_x, d_start_y, d_start_z = d_start_x + d_x, d_start_y + d_y, d_start_z + d_z
            d_span_x, d_span_y, d_span_z = d_span_x + t * d_x, d_span_y + t * d_y, d_span_z + t * d_z
    if with_rays:
        tl.store(d_steps + row, d_step, valid)
        _store_point(d_starts, row, d_start_x, d_start_y, d_start_z, valid)
        _store_point(d_spans, row, d_span_x, d_span_y, d_span_z, valid)


@_kernel
def mixing_forward(
    grid, starts, spans, phases, weights, chosen, mean,
    rays, samples: tl.constexpr, used: tl.constexpr, channels, size_z, size_y, size_x,
    is_chosen: tl.constexpr, block: tl.constexpr, channel_block: tl.constexpr,
):  # fmt: skip
    """Mean of the trilinear features of the used samples, by weight."""
    ray = tl.program_id(0) * block + tl.arange(0, block)
    valid = ray < rays
    row = tl.program_id(1).to(tl.int64) * rays + ray
    first = tl.program_id(1).to(tl.int64) * rays * used + ray
    grid += tl.program_id(1).to(tl.int64) * size_z * size_y * size_x * channels
    channel = tl.arange(0, channel_block)[None, None, :]
    phase = tl.load(phases + row, valid, 0.0)
    total, feature = tl.full([block], EPSILON, tl.float32), tl.zeros([block, channel_block], tl.float32)
    for number in range(used):
        t = (_sample(chosen, first, number, rays, valid, is_chosen) + phase) / samples
        weight = tl.load(weights + first + number * rays, valid, 0.0)
        x, y, z = _point(starts, spans, row, t, valid)
        cells, inside, shares, _, _, _ = _corners(x, y, z, size_z, size_y, size_x, True)
        inside = (inside & valid[:, None])[:, :, None] & (channel < channels)
        corners = tl.load(grid + cells[:, :, None] * channels + channel, inside, 0.0).to(tl.float32)
        feature += tl.sum((weight[:, None] * shares)[:, :, None] * corners, axis=1)
        total += weight
    place = row[:, None] * channels + tl.arange(0, channel_block)[None, :]
    tl.store(mean + place, feature / total[:, None], valid[:, None] & (tl.arange(0, channel_block)[None, :] < channels))


@_kernel
def mixing_backward(
    grid, starts, spans, phases, weights, chosen, mean, d_mean,
    d_grid, d_starts, d_spans, d_weights,
    rays, samples: tl.constexpr, used: tl.constexpr, channels, size_z, size_y, size_x,
    is_chosen: tl.constexpr, with_rays: tl.constexpr, block: tl.constexpr, channel_block: tl.constexpr,
):  # fmt: skip
    """Gradients of the grid, of the weights and, if asked for, of starts and spans.

    Successive samples in one cell share its corners. Their shares are summed first, so that the grid's gradient is
    written once per visit of a cell.
    """
    ray = tl.program_id(0) * block + tl.arange(0, block)
    valid = ray < rays
    row = tl.program_id(1).to(tl.int64) * rays + ray
    first = tl.program_id(1).to(tl.int64) * rays * used + ray
    offset = tl.program_id(1).to(tl.int64) * size_z * size_y * size_x * channels
    grid, d_grid = grid + offset, d_grid + offset
    channel = tl.arange(0, channel_block)[None, None, :]
    phase = tl.load(phases + row, valid, 0.0)
    total = tl.full([block], EPSILON, tl.float32)
    for number in range(used):
        total += tl.load(weights + first + number * rays, valid, 0.0)
    place = row[:, None] * channels + tl.arange(0, channel_block)[None, :]
    with_channel = valid[:, None] & (tl.arange(0, channel_block)[None, :] < channels)
    d_sum = tl.load(d_mean + place, with_channel, 0.0) / total[:, None]
    along_mean = tl.sum(d_sum * tl.load(mean + place, with_channel, 0.0), axis=1)
    visited, collected = tl.zeros([block, 8], tl.int32), tl.zeros([block, 8], tl.float32)
    zero = tl.zeros([block], tl.float32)
    d_start_x, d_start_y, d_start_z = zero, zero, zero
    d_span_x, d_span_y, d_span_z = zero, zero, zero
    for number in range(used):
        t = (_sample(chosen, first, number, rays, valid, is_chosen) + phase) / samples
        weight = tl.load(weights + first + number * rays, valid, 0.0)
        x, y, z = _point(starts, spans, row, t, valid)
        cells, inside, shares, slope_x, slope_y, slope_z = _corners(x, y, z, size_z, size_y, size_x, True)
        inside = (inside & valid[:, None])[:, :, None] & (channel < channels)
        leaving = ((cells != visited) & (collected != 0.0))[:, :, None] & (channel < channels)
        gradient = collected[:, :, None] * d_sum[:, None, :]
        tl.atomic_add(d_grid + visited[:, :, None] * channels + channel, gradient, leaving)
        collected = tl.where(cells != visited, 0.0, collected) + weight[:, None] * shares
        visited = cells
        corners = tl.load(grid + cells[:, :, None] * channels + channel, inside, 0.0).to(tl.float32)
        products = tl.sum(corners * d_sum[:, None, :], axis=2)
        d_weight = tl.sum(shares * products, axis=1) - along_mean  # pyright: ignore[reportOperatorIssue]
        tl.store(d_weights + first + number * rays, d_weight, valid)
        if with_rays:
            d_x = weight * tl.sum(slope_x * products, axis=1)
            d_y = weight * tl.sum(slope_y * products, axis=1)
            d_z = weight * tl.sum(slope_z * products, axis=1)
            d_start_x, d_start_y, d_start_z = d_start_x + d_x, d_start_y + d_y, d_start_z + d_z
            d_span_x, d_span_y, d_span_z = d_span_x + t * d_x, d_span_y + t * d_y, d_span_z + t * d_z
    gradient = collected[:, :, None] * d_sum[:, None, :]
    leaving = (collected != 0.0)[:, :, None] & (channel < channels)
    tl.atomic_add(d_grid + visited[:, :, None] * channels + channel, gradient, leaving)
    if with_rays:
        _store_point(d_starts, row, d_start_x, d_start_y, d_start_z, valid)
        _store_point(d_spans, row, d_span_x, d_span_y, d_span_z, valid)


@_kernel
def _limited(occupancy):
    """At most the largest occupancy, NaN included."""
    return tl.where(occupancy > MAX_OCCUPANCY, MAX_OCCUPANCY, occupancy)


@_kernel
def _sample(chosen, first, number, rays, valid, is_chosen: tl.constexpr):
    """Index of the used sample with this number, as float32."""
    if is_chosen:
        return tl.load(chosen + first + number * rays, valid, 0).to(tl.float32)
    return number + tl.zeros_like(first).to(tl.float32)


@_kernel
def _point(starts, spans, row, t, valid):
    """Coordinates of a sample."""
    x = tl.load(starts + 3 * row, valid, 0.0) + t * tl.load(spans + 3 * row, valid, 0.0)
    y = tl.load(starts + 3 * row + 1, valid, 0.0) + t * tl.load(spans + 3 * row + 1, valid, 0.0)
    z = tl.load(starts + 3 * row + 2, valid, 0.0) + t * tl.load(spans + 3 * row + 2, valid, 0.0)
    return x, y, z


@_kernel
def _store_point(points, row, x, y, z, valid):
    tl.store(points + 3 * row, x, valid)
    tl.store(points + 3 * row + 1, y, valid)
    tl.store(points + 3 * row + 2, z, valid)


@_kernel
def _axis(x, size, upper, clamped: tl.constexpr):
    """Indices of the cell centres around coordinates, whether they exist, their shares and the shares' derivatives.

    A corner is the upper or the lower one. If ``clamped``, coordinates are moved to the outermost centres.
    """
    position = (x + 0.5) * size - 0.5
    slope = tl.zeros_like(x) + size
    if clamped:
        slope = tl.where((position > 0.0) & (position < size - 1.0), slope, 0.0)
        position = tl.where(position > 0.0, position, 0.0)
        position = tl.where(position < size - 1.0, position, size - 1.0)
        low = tl.where(position < size - 1.0, tl.floor(position), size - 2.0)
        low = tl.where(low > 0.0, low, 0.0)
    else:
        low = tl.floor(position)
        low = tl.where((low >= -1.0) & (low < size), low, -2.0)  # NaN and far coordinates are no index
    fraction = (position - low)[:, None]
    index = low.to(tl.int32)[:, None] + upper
    if clamped:
        index = tl.minimum(index, size - 1)  # the upper corner in a grid of one cell, whose share is zero
    share = tl.where(upper > 0, fraction, 1.0 - fraction)
    return index, (index >= 0) & (index < size), share, tl.where(upper > 0, slope[:, None], -slope[:, None])


@_kernel
def _corners(x, y, z, size_z, size_y, size_x, clamped: tl.constexpr):
    """Cells of the eight corners around points, whether they exist, and their shares in the trilinear blend.

    The derivatives of the shares along x, y and z come last.
    """
    corner = tl.arange(0, 8)[None, :]
    i, inside_x, share_x, slope_x = _axis(x, size_x, corner & 1, clamped)
    j, inside_y, share_y, slope_y = _axis(y, size_y, (corner >> 1) & 1, clamped)
    k, inside_z, share_z, slope_z = _axis(z, size_z, corner >> 2, clamped)
    cells = (k * size_y + j) * size_x + i
    across_xy, across_yz, across_xz = share_x * share_y, share_y * share_z, share_x * share_z
    inside = inside_x & inside_y & inside_z
    return cells, inside, share_x * across_yz, slope_x * across_yz, slope_y * across_xz, slope_z * across_xy
