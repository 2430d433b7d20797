"""Colour of a plain background: a polynomial, fitted robustly to the border of a photo and then to the background."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.polynomial.legendre import legvander, legvander2d

DEGREE = 4
"""Total degree of the surface: enough for light that falls off and for a vignette."""
START_DEGREE = 2
OUTLIER = 4.0
"""Scale of the Cauchy weights in grey levels: pixels that are farther from the surface count little."""
ITERATIONS = 12
MAX_SAMPLES = 4000
"""Pixels that are fitted at most, evenly spread."""


@dataclass(frozen=True)
class BackgroundColour:
    """Smooth colour of the background, as Legendre polynomials over the photo.

    Attributes:
        coefficients: By power of the row, power of the column, and channel.
    """

    coefficients: Float[np.ndarray, "p p c"]

    def on_grid(self, height: int, width: int) -> Float[np.ndarray, "c h w"]:
        """Colours in grey levels at the pixels of an image of any size."""
        degree = len(self.coefficients) - 1
        of_rows, of_columns = (legvander(_positions(length), degree) for length in (height, width))
        return np.stack([of_rows @ channel @ of_columns.T for channel in np.moveaxis(self.coefficients, 2, 0)]).astype(
            np.float32
        )


def fit_border(image: Float[np.ndarray, "c h w"], border: Bool[np.ndarray, "h w"]) -> BackgroundColour:
    """Fit the border, of which a part may be another colour.

    A coarse fit comes first, since one of full degree could follow an object that touches the border.
    """
    coarse = _fit(image, border, START_DEGREE, 2.0 * OUTLIER)
    residual = np.abs(image - coarse.on_grid(*border.shape)).max(axis=0)
    return _fit(image, border, DEGREE, OUTLIER, _cauchy_weights(residual, 2.0 * OUTLIER))


def fit_background(image: Float[np.ndarray, "c h w"], ground: Bool[np.ndarray, "h w"]) -> BackgroundColour:
    """Fit all pixels of the background."""
    return _fit(image, ground, DEGREE, OUTLIER)


def _fit(
    image: Float[np.ndarray, "c h w"],
    where: Bool[np.ndarray, "h w"],
    degree: int,
    scale: float,
    weights: Float[np.ndarray, "h w"] | None = None,
) -> BackgroundColour:
    """Iteratively reweighted least squares with Cauchy weights."""
    rows, columns = np.nonzero(where)
    every = -(-len(rows) // MAX_SAMPLES)
    rows, columns = rows[::every], columns[::every]
    powers = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) <= degree
    height, width = where.shape
    terms = legvander2d(_positions(height)[rows], _positions(width)[columns], [degree, degree])[:, powers.ravel()]
    colours = image[:, rows, columns].T.astype(np.float64)
    weight = np.ones(len(rows)) if weights is None else weights[rows, columns]
    for _ in range(ITERATIONS):
        weighted = terms * weight[:, None]
        # On a border alone, the terms of degree 4 depend on one another: the solution has the smallest norm.
        solution = np.linalg.lstsq(weighted.T @ terms, weighted.T @ colours, rcond=1e-9)[0]
        weight = _cauchy_weights(np.abs(colours - terms @ solution).max(axis=1), scale)
    coefficients = np.zeros((*powers.shape, len(image)))
    coefficients[powers] = solution
    return BackgroundColour(coefficients)


def _cauchy_weights(residual: Float[np.ndarray, "*n"], scale: float) -> Float[np.ndarray, "*n"]:
    return 1.0 / (1.0 + (residual / scale) ** 2)


def _positions(length: int) -> Float[np.ndarray, "n"]:
    """Centres of pixels in a range from −1 to 1."""
    return (np.arange(length) + 0.5) * (2.0 / length) - 1.0
