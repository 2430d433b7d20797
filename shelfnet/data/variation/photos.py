"""Make rendered images into imperfect photos: occluded, with inexact masks, and cropped to the object."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from shelfnet.config.render import RenderSettings
from shelfnet.data.photographs.crops import crop_to_object, object_side
from shelfnet.data.photographs.masks import INSIDE, isolate_object
from shelfnet.data.variation.conditions import image_generator
from shelfnet.data.variation.textures import draw_texture, smooth_noise

RAGGED_SCALES_PX = 0.7, 3.0
"""Range of the sigma of the noise that makes a border ragged."""
ASPECTS = 0.5, 2.0
"""Range of the ratio of the sides of an occluder."""


def make_photo(
    settings: RenderSettings, model_id: str, view: int, rgba: UInt8[np.ndarray, "h w 4"]
) -> UInt8[np.ndarray, "s s 4"]:
    """The image of one view with the variation of the settings; the image itself for none.

    Args:
        settings: Variation and seed.
        model_id: Model in the image.
        view: Index of the image among those of the model.
        rgba: Rendered image, opaque or not; its alpha is the mask of the object.

    Raises:
        PhotoError: Nothing of the mask is left.
    """
    variation = settings.variation
    if variation.occlusion > 0:
        rgba = occlude(rgba, variation.occlusion, image_generator(settings.seed, model_id, view, "occlusion"))
    if variation.mask_error > 0:
        photo = rgba if variation.rooms else _on_white(rgba)
        rgba = shift_border(photo, variation.mask_error, image_generator(settings.seed, model_id, view, "mask"))
    if variation.object_share is not None:
        rgba = crop_to_object(isolate_object(rgba).rgba, settings.resolution_px, variation.object_share)
    return rgba


def occlude(
    rgba: UInt8[np.ndarray, "h w 4"], max_fraction: float, generator: np.random.Generator
) -> UInt8[np.ndarray, "h w 4"]:
    """Cover a random part of the object with a textured shape, which the mask leaves out.

    Args:
        rgba: Image with the mask of the object as alpha.
        max_fraction: Maximum fraction of the object that is covered.
        generator: Random generator.
    """
    inside = rgba[..., 3] > INSIDE
    if not inside.any():
        return rgba
    reach = _reach(inside, generator)
    covered = reach < np.quantile(reach[inside], generator.uniform(0.0, max_fraction), method="lower")
    texture = draw_texture(generator)
    rows, columns = np.indices(inside.shape)
    occluded = rgba.copy()
    occluded[covered, :3] = texture[rows % len(texture), columns % len(texture)][covered]
    occluded[covered, 3] = 0
    return occluded


def shift_border(
    rgba: UInt8[np.ndarray, "h w 4"], max_shift: float, generator: np.random.Generator
) -> UInt8[np.ndarray, "h w 4"]:
    """Erode or dilate the mask and make its border ragged.

    Args:
        rgba: Image with the mask of the object as alpha.
        max_shift: Maximum shift of the border, in units of the longer side of the object in the image.
        generator: Random generator.
    """
    inside = rgba[..., 3] > INSIDE
    if not inside.any():
        return rgba
    half_px = 0.5 * max_shift * object_side(rgba)
    even, ragged = half_px * generator.uniform(-1.0, 1.0), half_px * generator.uniform(0.0, 1.0)
    height, width = inside.shape
    noise = smooth_noise(generator, (height, width), generator.uniform(*RAGGED_SCALES_PX))
    depth = _depth(inside) + even + ragged * noise
    shifted = rgba.copy()
    shifted[..., 3] = np.rint(255.0 * (depth + 0.5).clip(0.0, 1.0)).astype(np.uint8)
    return shifted


def _reach(inside: Bool[np.ndarray, "h w"], generator: np.random.Generator) -> Float[np.ndarray, "h w"]:
    """How large an ellipse, a box or a half-plane in a random place must be to cover each pixel."""
    rows, columns = np.nonzero(inside)
    centre = generator.uniform((rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1))
    angle, aspect = generator.uniform(0.0, 2.0 * np.pi), generator.uniform(*ASPECTS)
    y, x = (axis - middle for axis, middle in zip(np.indices(inside.shape), centre, strict=True))
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    shapes = np.hypot(along, aspect * across), np.maximum(np.abs(along), np.abs(aspect * across)), along
    return shapes[int(generator.integers(len(shapes)))]


def _depth(inside: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Distance of each pixel centre from the mask's border in pixels, negative outside."""
    within, beyond = (np.asarray(ndimage.distance_transform_edt(part)) for part in (inside, ~inside))
    return np.where(inside, within - 0.5, 0.5 - beyond)


def _on_white(rgba: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 4"]:
    """The colours over white, with the same alpha."""
    alpha = rgba[..., 3:] / 255.0
    colours = np.rint(alpha * rgba[..., :3] + (1.0 - alpha) * 255.0).astype(np.uint8)
    return np.concatenate([colours, rgba[..., 3:]], axis=-1)
