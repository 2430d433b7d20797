"""Forward and backward pass of compiled loops that march along the rays of one object, for all objects of a batch."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor


def run_forward(
    ctx: Any, kernel: Callable[..., None], make_field: Callable[..., Any], field: Sequence[Tensor],
    rays: Sequence[Tensor], samples: int, feature_samples: int, channels: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Weights, opacity and mean features of all rays; ``ctx`` keeps what the backward pass needs.

    Args:
        ctx: Context of the autograd function.
        kernel: Compiled loop over the rays of one object.
        make_field: Makes the field of one object from its arrays.
        field: Contiguous tensors of the field.
        rays: Starts, spans, steps and phases, contiguous.
        samples: Number of samples per ray.
        feature_samples: Number of samples whose features are averaged.
        channels: Number of mean features.
    """
    from shelfnet.renderer.march_kernels import Rays, Samples

    steps = rays[2]
    sampled, weights = steps.new_zeros(2, *steps.shape, samples)
    opacity, mean = steps.new_zeros(steps.shape), steps.new_zeros(*steps.shape, channels)
    result = (sampled, weights, opacity, mean)

    def march(o: int) -> None:
        own_rays, own_result = Rays(*_arrays(rays, o)), Samples(*_arrays(result, o))
        kernel(make_field(*_arrays(field, o)), own_rays, feature_samples, own_result)

    _for_each_object(march, len(steps))
    ctx.save_for_backward(*field, *rays, *result)
    ctx.set_materialize_grads(False)
    ctx.feature_samples = feature_samples
    return weights, opacity, mean


def run_backward(
    ctx: Any, kernel: Callable[..., None], make_field: Callable[..., Any], gradients: Sequence[Tensor | None]
) -> tuple[list[Tensor], list[Tensor] | list[None]]:
    """Gradients of the field's tensors, and of starts, spans and steps; ``None`` if no ray needs a gradient.

    Args:
        ctx: Context of the autograd function, whose last inputs are the rays and the two numbers of samples.
        kernel: Compiled loop over the rays of one object.
        make_field: Makes the field of one object from its arrays.
        gradients: Gradients of weights, opacity and mean features.
    """
    from shelfnet.renderer.march_kernels import Rays, Samples

    field, rays, result = ctx.saved_tensors[:-8], ctx.saved_tensors[-8:-4], ctx.saved_tensors[-4:]
    sampled, weights, opacity, mean = result
    d_weights, d_opacity, d_mean = gradients
    d_result = (
        sampled,
        weights[:, :0] if d_weights is None else d_weights.contiguous(),
        torch.zeros_like(opacity) if d_opacity is None else d_opacity.contiguous(),
        torch.zeros_like(mean) if d_mean is None else d_mean.contiguous(),
    )
    d_field, d_rays = [[torch.zeros_like(value) for value in values] for values in (field, rays)]
    with_rays = any(ctx.needs_input_grad[-6:-3])

    def march(o: int) -> None:
        own_field, own_rays, own_result = make_field(*_arrays(field, o)), Rays(*_arrays(rays, o)), _arrays(result, o)
        d_own = Samples(*_arrays(d_result, o)), make_field(*_arrays(d_field, o)), Rays(*_arrays(d_rays, o))
        kernel(own_field, own_rays, ctx.feature_samples, Samples(*own_result), *d_own, with_rays)

    _for_each_object(march, len(opacity))
    return d_field, d_rays[:3] if with_rays else [None] * 3


def _arrays(tensors: Sequence[Tensor], index: int) -> list[np.ndarray]:
    """One object's part of tensors, without copies."""
    return [tensor.detach().numpy()[index] for tensor in tensors]


def _for_each_object(work: Callable[[int], None], objects: int) -> None:
    """Call ``work`` with the index of every object, in as many threads as torch uses."""
    threads = min(torch.get_num_threads(), objects)
    if threads <= 1:
        for index in range(objects):
            work(index)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(objects)))
