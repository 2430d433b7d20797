"""Procedural textures: one function per material, from a colour and a scale to an image.

The grain follows the horizontal axis. Feature sizes are in metres times ``px_per_m``, but at least a few pixels: a
coarse atlas shows a coarser weave instead of noise.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

from shelfnet.procedural.noise import ImageShape, fractal_noise, pixel_grid, smooth_noise, standardised

TextureFunction = Callable[[np.random.Generator, ImageShape, float, np.ndarray], np.ndarray]
Rgb = Float[np.ndarray, "3"]
RgbImage = Float[np.ndarray, "h w 3"]


def tinted(colour: Rgb, shade: Float[np.ndarray, "h w"]) -> RgbImage:
    """Lighten (shade > 0, less for dark colours) or darken a colour by a per-pixel fraction."""
    lighter = np.clip(shade, 0.0, None)[..., None] * (0.3 + 0.7 * colour.mean())
    return np.clip(colour * (1.0 + np.minimum(shade, 0.0)[..., None]) + (1.0 - colour) * lighter, 0.0, 1.0)


def solid_wood(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Cathedral grain: wavy growth rings, dark pores along the fibre and up to two knots."""
    rows, columns = pixel_grid(shape)
    ring_px = max(0.016 * px_per_m, 4.0)
    warp = smooth_noise(rng, shape, (0.07 * px_per_m, 0.5 * px_per_m)) * 1.4
    for _ in range(int(rng.integers(0, 3))):
        centre = rng.uniform([0, 0], shape)
        spread = (0.015 * px_per_m + 2.0) ** 2
        distance = ((rows - centre[0]) ** 2 + 0.15 * (columns - centre[1]) ** 2) / spread
        warp += 2.2 * np.exp(-0.5 * distance)
    phase = rows / ring_px + warp
    rings = np.abs(phase - np.floor(phase) - 0.5) * 4.0 - 1.0
    pores = smooth_noise(rng, shape, (1.3, max(0.05 * px_per_m, 10.0)))
    tone = smooth_noise(rng, shape, (0.12 * px_per_m, 0.6 * px_per_m))
    through_paint = np.interp(colour.mean(), [0.6, 0.9], [1.0, 0.4])
    return tinted(colour, through_paint * (0.13 * rings + 0.06 * pores + 0.05 * tone - 0.1 * (pores > 1.6)))


def fine_wood(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Straight, quiet grain."""
    fibre = smooth_noise(rng, shape, (max(0.004 * px_per_m, 1.6), 0.35 * px_per_m))
    broad = smooth_noise(rng, shape, (0.04 * px_per_m, 0.5 * px_per_m))
    return tinted(colour, 0.055 * fibre + 0.06 * broad)


def plywood(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Rotary-cut veneer: broad flame figure, pale."""
    warp = fractal_noise(rng, shape, (0.12 * px_per_m, 0.35 * px_per_m), 2)
    flame = np.sin(7.0 * warp)
    fibre = smooth_noise(rng, shape, (1.5, max(0.03 * px_per_m, 8.0)))
    return tinted(colour, 0.07 * flame + 0.045 * fibre)


def laminate_edge(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Edge of plywood: alternating light and dark plies."""
    rows, _ = pixel_grid(shape)
    ply_px = max(0.003 * px_per_m, 1.5)
    plies = np.where(np.floor(rows / ply_px) % 2, 0.12, -0.3)
    return tinted(colour, plies + 0.05 * smooth_noise(rng, shape, (2.0, 30.0)))


def composite_board(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Pressed chips of several tones."""
    chips = smooth_noise(rng, shape, (max(0.006 * px_per_m, 2.0), max(0.012 * px_per_m, 3.5)))
    dark = smooth_noise(rng, shape, (max(0.005 * px_per_m, 1.8), max(0.01 * px_per_m, 3.0)))
    return tinted(colour, 0.13 * np.round(1.3 * chips) / 1.3 - 0.28 * (dark > 1.5))


def rattan(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Basket weave: strands alternately over and under, with dark gaps."""
    strand_px = max(0.016 * px_per_m, 6.0)
    rows, columns = pixel_grid(shape)
    i, j = np.floor(rows / strand_px), np.floor(columns / strand_px)
    v, u = rows / strand_px - i - 0.5, columns / strand_px - j - 0.5
    over = (i + j) % 2 == 0
    across, along = np.where(over, v, u), np.where(over, u, v)
    height = np.sqrt(np.clip(1.0 - (2.1 * across) ** 2, 0.0, 1.0)) * (1.0 - 1.1 * along**2)
    strands = rng.normal(0.0, 0.06, (int(i.max()) + 1, int(j.max()) + 1))[i.astype(int), j.astype(int)]
    return tinted(colour, 0.65 * (height - 0.85) + strands)


def bamboo(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Canes with nodes across them."""
    _, columns = pixel_grid(shape)
    node_px = max(0.11 * px_per_m, 16.0)
    phase = columns / node_px + 0.02 * smooth_noise(rng, shape, (4.0, 40.0))
    near = np.abs(phase - np.round(phase)) * node_px
    nodes = -0.4 * np.exp(-((near / 1.4) ** 2)) + 0.12 * np.exp(-(((near - 3.5) / 1.8) ** 2))
    return tinted(colour, nodes + 0.07 * smooth_noise(rng, shape, (2.5, 50.0)))


def brushed_metal(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Long fine scratches and a soft sheen in bands."""
    scratches = smooth_noise(rng, shape, (1.0, max(0.12 * px_per_m, 24.0)))
    sheen = np.sin(2.0 * np.pi * pixel_grid(shape)[0] / max(0.05 * px_per_m, 10.0) + rng.uniform(0.0, 6.3))
    patina = fractal_noise(rng, shape, (0.1 * px_per_m, 0.2 * px_per_m))
    return tinted(colour, 0.04 * scratches + 0.13 * sheen + 0.035 * patina)


def cloth(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Plain weave with threads of slightly different dye."""
    return _woven(rng, shape, max(0.006 * px_per_m, 3.0), colour, relief=0.09, slub=0.05)


def rough_cloth(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Thick nubbly yarn."""
    nubs = standardised(gaussian_filter(rng.standard_normal(shape), 1.3))
    woven = _woven(rng, shape, max(0.012 * px_per_m, 5.0), colour, relief=0.17, slub=0.09)
    return np.clip(woven * (1.0 + 0.13 * nubs[..., None]), 0.0, 1.0)


def suede(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Short brushed nap: cloudy patches without threads."""
    brushed = fractal_noise(rng, shape, (0.09 * px_per_m, 0.14 * px_per_m), 3)
    nap = gaussian_filter(rng.standard_normal(shape), (0.5, 1.2))
    return tinted(colour, 0.04 * brushed + 0.04 * nap)


def leather(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Pebbles between dark creases, worn lighter in places."""
    radius = max(0.0035 * px_per_m, 1.1)
    white = rng.standard_normal(shape)
    pebbles = standardised(
        gaussian_filter(white, radius, mode="wrap") - gaussian_filter(white, 2 * radius, mode="wrap")
    )
    wear = fractal_noise(rng, shape, (0.16 * px_per_m, 0.16 * px_per_m))
    return tinted(colour, 0.1 * np.tanh(pebbles) - 0.14 * (pebbles < -1.1) + 0.06 * wear)


def smooth_leather(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """A glossy hide: soft light, a few long fine creases."""
    gloss = smooth_noise(rng, shape, (0.14 * px_per_m, 0.22 * px_per_m))
    folds = np.abs(fractal_noise(rng, shape, (0.07 * px_per_m, 0.3 * px_per_m), 2))
    return tinted(colour, 0.07 * gloss - 0.16 * np.exp(-((folds / 0.06) ** 2)))


def moulded(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Cast plastic: flecks in a slightly mottled ground."""
    mottle = fractal_noise(rng, shape, (0.1 * px_per_m, 0.1 * px_per_m))
    flecks = gaussian_filter(rng.standard_normal(shape), 0.7)
    return tinted(colour, 0.03 * mottle + 0.09 * (flecks > 0.75) - 0.07 * (flecks < -0.75))


def painted(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Brushed paint, worn through in places."""
    strokes = smooth_noise(rng, shape, (1.8, max(0.1 * px_per_m, 16.0)))
    rubbed = fractal_noise(rng, shape, (0.05 * px_per_m, 0.12 * px_per_m))
    return tinted(colour, 0.045 * strokes - 0.22 * (rubbed > 1.7) + 0.03 * rubbed)


def marble(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Branching veins through clouds."""
    cell = (max(0.12 * px_per_m, 8.0), max(0.2 * px_per_m, 12.0))
    clouds = fractal_noise(rng, shape, cell, 4)
    veins = np.exp(-((fractal_noise(rng, shape, cell, 5) / 0.09) ** 2))
    threads = np.exp(-((fractal_noise(rng, shape, (0.5 * cell[0], 0.5 * cell[1]), 4) / 0.05) ** 2))
    contrast = -1.0 if colour.mean() > 0.4 else 1.0
    return tinted(colour, 0.04 * clouds + contrast * (0.38 * veins + 0.16 * threads))


def stone(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Granular rock: crystals light and dark over broad banding."""
    grains = standardised(gaussian_filter(rng.standard_normal(shape), 0.9))
    banding = fractal_noise(rng, shape, (0.1 * px_per_m, 0.25 * px_per_m), 3)
    return tinted(colour, 0.1 * grains + 0.08 * banding - 0.25 * (grains < -1.7))


def dark_fittings(rng: np.random.Generator, shape: ImageShape, px_per_m: float, colour: Rgb) -> RgbImage:
    """Grained plastic of castors and levers."""
    return tinted(colour, 0.05 * smooth_noise(rng, shape, (2.0, 2.0)) + 0.04 * smooth_noise(rng, shape, (12.0, 12.0)))


def _woven(
    rng: np.random.Generator, shape: ImageShape, thread_px: float, colour: Rgb, relief: float, slub: float
) -> RgbImage:
    rows, columns = pixel_grid(shape)
    i, j = np.floor(rows / thread_px).astype(int), np.floor(columns / thread_px).astype(int)
    v, u = rows / thread_px - i, columns / thread_px - j
    warp_up = (i + j) % 2 == 0
    crown = np.where(warp_up, np.sin(np.pi * u), np.sin(np.pi * v)) - 0.64
    weft_dye, warp_dye = rng.normal(0.0, slub, i.max() + 1)[i], rng.normal(0.0, slub, j.max() + 1)[j]
    fuzz = gaussian_filter(rng.standard_normal(shape), 0.6)
    shade = relief * crown + np.where(warp_up, warp_dye + 0.35 * relief, weft_dye - 0.35 * relief) + 0.04 * fuzz
    return tinted(colour, shade)
