"""Masks of objects on a plain background: one colour, a soft gradient, or either with soft shadows.

The background is what the border of the photo is connected to without crossing a sharp edge, within the brightness and
tint that light and shadow give to the background's colour (brightness and chromaticity distortion, Horprasert, Harwood,
Davis 1999). Regions that the object encloses are background if they have the background's colour.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8
from PIL import Image
from scipy import ndimage

from shelfnet.data.photographs.alpha_matting import apply_trimap, make_trimap
from shelfnet.data.photographs.background_colour import BackgroundColour, fit_background, fit_border
from shelfnet.data.photographs.masks import NEIGHBOURS

WORKING_PX = 800
"""Larger photos are shrunk to this longer side; only the outline is refined at full size."""
FIT_PX = 256
"""Longer side at which the colour of the background is fitted."""
MAX_FITS = 4
FIT_CHANGE = 2.0
"""The fit is repeated until the colour changes by less than this many grey levels."""

BLUR_PX = 0.7
BORDER = 0.01
"""Width of the border relative to the longer side."""
PLAIN = 6.0
"""Pixels of the border that are this close to the smooth colour, in grey levels, are plain."""
MIN_PLAIN = 0.6
"""Fraction of the border that must be plain. Shadows may take the rest."""
MIN_GROUND_BORDER = 0.8
"""Fraction of the border that must be background in the end; objects may touch the rest."""
MAX_CONTACTS = 12
"""Objects may touch the border in this many places. A tiled floor touches it in more."""
MIN_GROUND = 0.1
"""Fraction of the photo that must be background: frames around a picture are narrower."""
MAX_DEBRIS = 0.2
"""Fraction of the mask that may be in parts that are small relative to the largest one."""
SMALL_PART = 0.25
MAX_JUMP, MAX_SLOPE = 15.0, 150.0
"""Largest change of the background's colour, in grey levels, across a part of the border that something hides: at once,
and in addition for a part as long as the longer side."""
SPECK = 0.002
"""Parts smaller than this, relative to the largest one, are noise."""
MIN_OBJECT = 5e-4
"""Fraction of the photo that an object covers at least."""

MIN_TOLERANCE = 3.0
NOISE_TOLERANCE = 4.0
"""The background's own colour is within the larger of these: grey levels, and multiples of the noise."""
MIN_BRIGHTNESS, MAX_BRIGHTNESS = 0.4, 1.12
"""Brightness of shadows and highlights relative to the background."""
TINT, SHADOW_TINT = 10.0, 0.1
"""Tint of shadows in grey levels over all channels, and its increase with depth relative to the background."""
EDGE_PX = 7
"""An edge is sharp if it is narrower than this: the penumbra of a soft shadow is wider."""
EDGE_STEP = 1.5
"""Steepness of a sharp edge in grey levels per pixel."""
GAP_PX = 2
"""Gaps between sharp edges that are at most twice as wide let nothing through."""
MIN_CONTACT = 0.3
"""A region that is reached through a gap is a shadow if at least this share of its outline touches the background."""
ENCLOSED_TOLERANCE, ENCLOSED_LIKE_GROUND, ENCLOSED_DARK = 8.0, 0.4, 0.1
"""An enclosed region is background if at least the first fraction of it has the background's colour, within the
tolerance in grey levels, and less than the second fraction differs more than the shadows elsewhere do."""

EDGE_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)


class BackgroundError(ValueError):
    """No object stands out from the background; the message says why."""


@dataclass(frozen=True)
class _Regions:
    """Pixels by their likeness to the background.

    Attributes:
        pure: The background's own colour.
        shaded: Possible shadows and highlights, without sharp edges.
        difference: Difference from the background's colour in grey levels.
    """

    pure: Bool[np.ndarray, "h w"]
    shaded: Bool[np.ndarray, "h w"]
    difference: Float[np.ndarray, "h w"]


def cut_out(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 4"]:
    """Make a plain background transparent, with soft edges; pixels of the outline get the object's colour.

    Raises:
        BackgroundError: The background is not plain, or nothing stands out from it.
    """
    colour = _background_colour(_blurred(_shrink(rgb, FIT_PX)))
    small = _shrink(rgb, WORKING_PX)
    image = _blurred(small)
    colours = colour.on_grid(*image.shape[1:])
    inside = _without_specks(~_find_background(image, colours))
    _check_mask(inside)
    _check_border(image, inside)
    return apply_trimap(rgb, make_trimap(small.astype(np.float32), colours, inside))


def _background_colour(image: Float[np.ndarray, "c h w"]) -> BackgroundColour:
    """Fit the border, then repeatedly the background that is found with the last fit.

    Raises:
        BackgroundError: Too little of the border has a smooth colour.
    """
    border = _border(*image.shape[1:])
    colour = fit_border(image, border)
    colours = colour.on_grid(*border.shape)
    plain = float((np.abs(image - colours).max(axis=0)[border] <= PLAIN).mean())
    if plain < MIN_PLAIN:
        raise BackgroundError(f"the background is not plain: only {plain:.0%} of the border has one smooth colour")
    for _ in range(MAX_FITS):
        ground = _find_background(image, colours)
        is_lit = (image - colours).min(axis=0) > -PLAIN
        if not (ground & is_lit).any():
            break
        colour, previous = fit_background(image, ground & is_lit), colours
        colours = colour.on_grid(*border.shape)
        if np.abs(colours - previous)[:, ground].max() < FIT_CHANGE:
            break
    return colour


def _find_background(
    image: Float[np.ndarray, "c h w"], background_colour: Float[np.ndarray, "c h w"]
) -> Bool[np.ndarray, "h w"]:
    regions = _regions(image, background_colour)
    candidates = regions.pure | regions.shaded
    core = ndimage.binary_erosion(candidates, NEIGHBOURS, iterations=GAP_PX, border_value=1)
    reached = _connected(core, regions.pure & _border(*core.shape))
    ground = ndimage.binary_dilation(reached, NEIGHBOURS, iterations=GAP_PX) & candidates
    rest = ndimage.binary_opening(regions.shaded & ~ground, NEIGHBOURS) | (regions.pure & ~ground)
    return ground | _more_background(rest, ground, regions)


def _regions(image: Float[np.ndarray, "c h w"], background_colour: Float[np.ndarray, "c h w"]) -> _Regions:
    difference = np.abs(image - background_colour).max(axis=0)
    squared = np.einsum("chw,chw->hw", background_colour, background_colour)
    brightness = np.einsum("chw,chw->hw", image, background_colour) / np.maximum(squared, 1.0)
    tint_squared = np.einsum("chw,chw->hw", image, image) - brightness**2 * squared
    level = np.sqrt(squared)
    max_tint = TINT + SHADOW_TINT * level * np.clip(1.0 - brightness, 0.0, 1.0)
    is_shade = (brightness > MIN_BRIGHTNESS) & (brightness < MAX_BRIGHTNESS) & (tint_squared < max_tint**2)
    steepness = ndimage.gaussian_gradient_magnitude(brightness * level / np.sqrt(len(image)), 1.0)
    is_edge = steepness - ndimage.grey_opening(steepness, EDGE_PX) > EDGE_STEP
    on_border = difference[_border(*difference.shape)]
    noise = np.median(on_border[on_border <= PLAIN]) if (on_border <= PLAIN).any() else 0.0
    return _Regions(difference <= max(MIN_TOLERANCE, NOISE_TOLERANCE * noise), is_shade & ~is_edge, difference)


def _more_background(
    rest: Bool[np.ndarray, "h w"], ground: Bool[np.ndarray, "h w"], regions: _Regions
) -> Bool[np.ndarray, "h w"]:
    """Regions away from the background that are background too: shadows behind a gap, and what the object encloses."""
    labels, count = _label(rest, EDGE_NEIGHBOURS)
    if count == 0 or not ground.any():
        return np.zeros_like(ground)
    every = np.arange(1, count + 1)
    outline = rest & ~np.asarray(ndimage.binary_erosion(rest, border_value=1), bool)
    contact = ndimage.mean(outline & ndimage.binary_dilation(ground), np.where(outline, labels, 0), every)
    darkest = max(ENCLOSED_TOLERANCE, float(np.percentile(regions.difference[ground], 95)))
    dark = ndimage.mean(regions.difference > darkest, labels, every)
    like_ground = ndimage.mean(regions.difference <= ENCLOSED_TOLERANCE, labels, every)
    is_ground = (np.asarray(contact) > MIN_CONTACT) | (
        (np.asarray(dark) < ENCLOSED_DARK) & (np.asarray(like_ground) >= ENCLOSED_LIKE_GROUND)
    )
    return np.concatenate([[False], is_ground])[labels]


def _check_mask(inside: Bool[np.ndarray, "h w"]) -> None:
    """Refuse a mask that a plain background does not give.

    Raises:
        BackgroundError: The mask is empty, covers the border, or consists of debris.
    """
    if inside.mean() < MIN_OBJECT:
        raise BackgroundError("the background is plain, but nothing stands out from it")
    border = _border(*inside.shape)
    covered = float(inside[border].mean())
    if covered > 1.0 - MIN_GROUND_BORDER:
        raise BackgroundError(f"the background is not plain, or hidden: {covered:.0%} of the border is something else")
    contacts = _label(inside & border, NEIGHBOURS)[1]
    if contacts > MAX_CONTACTS:
        raise BackgroundError(f"the background is not plain: the border shows something else in {contacts} places")
    if inside.mean() > 1.0 - MIN_GROUND:
        raise BackgroundError(f"the background is hidden: it covers only {1.0 - inside.mean():.0%} of the photo")
    areas = _areas(_label(inside, NEIGHBOURS)[0])
    debris = float(areas[areas < SMALL_PART * areas.max()].sum() / areas.sum())
    if debris > MAX_DEBRIS:
        raise BackgroundError(
            f"the background is not plain: {debris:.0%} of what stands out from it is in small pieces"
        )


def _check_border(image: Float[np.ndarray, "c h w"], inside: Bool[np.ndarray, "h w"]) -> None:
    """Refuse two backgrounds, such as wall and floor: one background has a smooth colour on both sides of the object.

    Raises:
        BackgroundError: The colour jumps.
    """
    start = int(np.argmin(_around(inside)))  # a pixel of the background
    is_hidden = ndimage.binary_closing(np.roll(_around(inside), -start), np.ones(2 * EDGE_PX + 1))
    colours = np.stack([np.roll(_around(channel), -start) for channel in image])
    labels, count = ndimage.label(np.append(is_hidden, False))  # pyright: ignore[reportGeneralTypeIssues]
    for (run,) in ndimage.find_objects(labels, count):
        before, after = (colours[:, at % len(is_hidden)] for at in (run.start - EDGE_PX, run.stop - 1 + EDGE_PX))
        jump = float(np.abs(after - before).max())
        if jump > MAX_JUMP + MAX_SLOPE * (run.stop - run.start) / max(inside.shape):
            raise BackgroundError(
                f"the background is not plain: its colour jumps by {jump:.0f} of 255 along the border"
            )


def _around(plane: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "n"]:
    """Outermost pixels of a plane, clockwise."""
    return np.concatenate([plane[0], plane[1:, -1], plane[-1, -2::-1], plane[-2:0:-1, 0]])


def _without_specks(inside: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    labels, count = _label(inside, NEIGHBOURS)
    if count == 0:
        return inside
    areas = _areas(labels)
    return np.concatenate([[False], areas >= SPECK * areas.max()])[labels]


def _connected(where: Bool[np.ndarray, "h w"], seeds: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Regions that contain a seed."""
    labels, count = _label(where, EDGE_NEIGHBOURS)
    is_reached = np.zeros(count + 1, bool)
    is_reached[labels[seeds & where]] = True
    return is_reached[labels]


def _label(where: Bool[np.ndarray, "h w"], neighbours: Bool[np.ndarray, "3 3"]) -> tuple[np.ndarray, int]:
    labels = np.empty(where.shape, np.int32)
    return labels, int(ndimage.label(where, neighbours, output=labels))  # pyright: ignore[reportArgumentType]


def _areas(labels: np.ndarray) -> np.ndarray:
    """Pixels of each region, without the background."""
    return np.bincount(labels.ravel())[1:]


def _border(height: int, width: int) -> Bool[np.ndarray, "h w"]:
    thickness = max(2, round(BORDER * max(height, width)))
    border = np.ones((height, width), bool)
    border[thickness:-thickness, thickness:-thickness] = False
    return border


def _shrink(rgb: UInt8[np.ndarray, "h w 3"], longer_side: int) -> UInt8[np.ndarray, "c p q"]:
    """Shrink to a longer side, channels first; smaller photos keep their size.

    Very large ones are first reduced to every n-th pixel, which bounds the memory.
    """
    height, width, _ = rgb.shape
    scale = longer_side / max(height, width)
    if scale < 1.0:
        step = max(1, max(height, width) // (4 * longer_side))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(Image.fromarray(rgb[::step, ::step]).resize(size, Image.Resampling.BOX))
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def _blurred(image: UInt8[np.ndarray, "c h w"]) -> Float[np.ndarray, "c h w"]:
    return ndimage.gaussian_filter(image.astype(np.float32), (0.0, BLUR_PX, BLUR_PX))
