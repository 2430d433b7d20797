"""The discovered views in the report: their picture, and their error where true views are known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shelfnet.data.discovered_views import read_discovered_views
from shelfnet.data.shards.reader import load_training_azimuths
from shelfnet.evaluation.discovered_views import discovery_errors
from shelfnet.provenance import files_digest

LAYOUT = (
    "Shared shapes that discovery found in the training images, most frequent first: each from four sides, then four of"
    " its images, each with the shape at the view that was found for it."
)


def discovery_caption(folder: Path, shards: Sequence[Path], with_truth: bool) -> str:
    """Caption of the picture of a discovery.

    Args:
        folder: Folder of the discovery.
        shards: Shards of images.
        with_truth: Whether true views are known.
    """
    views = read_discovered_views(folder, files_digest(shards))
    spread = f" The median azimuth spread is {np.median(views.spread_deg):.0f}°."
    if not with_truth:
        return LAYOUT + spread
    errors = discovery_errors(views.super_category, views.azimuth_deg, load_training_azimuths(shards))
    shown = "; ".join(
        f"{error.super_category or 'no super-category'} ({error.images:,} images): {error.median_deg:.0f}°,"
        f" {100 * error.within_30_deg:.0f} % below 30°"
        for error in errors
    )
    return (
        f"{LAYOUT}{spread} Median azimuth error after one rotation per super-category (true views are read for this"
        f" sentence alone): {shown}."
    )
