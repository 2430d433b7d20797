"""The comparison of a data set without true shapes: how well silhouettes cover masks, and how whole meshes are.

A mesh is compared with the very image it was made from (and, refined, fitted to). So a high overlap says that the
side that was seen is explained, and nothing of the sides that were not: a flat cut-out reaches 1.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from shelfnet.evaluation.baselines import SPHERE
from shelfnet.evaluation.comparison import BASE, STAGES
from shelfnet.evaluation.statistics import Scores, bootstrap_difference, bootstrap_mean, scores

HEADLINE = "mask_iou"
UNTRAINED = "untrained"
NEEDS_TRUTH = (
    "mean",
    "median",
    "ci_low",
    "ci_high",
    "chamfer_icp",
    "chamfer_l2",
    "fscore",
    "iou",
    "normal_consistency",
    "azimuth_error_deg",
)
"""Columns of every comparison that stay blank."""
STRUCTURE = ("components", "floater_fraction", "n_faces")
NO_TRUTH_SENTENCE = (
    "This data set has no true shapes: there is nothing to measure a distance to, and no Chamfer distance, F-score, "
    "volume IoU or view error is given for any method."
)
WHAT_MASKS_SAY = (
    "The mask IoU compares the silhouette of a mesh with the mask of the very image it was made from (and, refined, "
    "fitted to). It says how well the seen side is explained and nothing of the sides that were not seen: a flat "
    "cut-out would reach 1."
)


def silhouette_table(
    tables: Mapping[str, pd.DataFrame], baselines: pd.DataFrame, samples: int, seed: int
) -> pd.DataFrame:
    """Summarise all methods by what needs no truth.

    Args:
        tables: rows of ``chamfer.csv`` by ablation, all seeds.
        baselines: rows of ``sphere``.
        samples: bootstrap samples.
        seed: every interval starts from this seed.

    Returns:
        one row a method: ablations in the given order, coarse before refined, then the sphere. ``mask_iou`` and the
        columns of :data:`STRUCTURE` are means over objects and seeds; the difference to ``base`` is of ``mask_iou``,
        paired by object. The columns of :data:`NEEDS_TRUTH` are blank.

    Raises:
        ValueError: a table has no row.
    """
    for name, table in tables.items():
        if table.empty:
            raise ValueError(f"ablation {name}: expected rows of test views, got an empty table")
    named = [*tables.items(), (SPHERE, baselines)]
    methods = {
        (name, stage): rows
        for name, table in named
        for stage in STAGES
        if len(rows := table[(table["ablation"] == name) & (table["stage"] == stage)])
    }
    measured = {method: scores(rows, HEADLINE) for method, rows in methods.items()}
    return pd.DataFrame(
        [
            _row(name, stage, rows, measured[name, stage], measured.get((BASE, stage)), samples, seed)
            for (name, stage), rows in methods.items()
        ]
    )


def _row(
    name: str, stage: str, rows: pd.DataFrame, own: Scores, base: Scores | None, samples: int, seed: int
) -> dict[str, Any]:
    mean = bootstrap_mean(own, samples, np.random.default_rng(seed))
    row: dict[str, Any] = {
        "ablation": name,
        "stage": stage,
        "n_objects": own.values.shape[0],
        "n_seeds": own.values.shape[1],
        "n_empty": int((rows["status"] == "empty").sum()),
        **dict.fromkeys(NEEDS_TRUTH, math.nan),
        "mask_iou": mean.estimate,
        "mask_iou_ci_low": mean.low,
        "mask_iou_ci_high": mean.high,
        **dict.fromkeys(_DIFFERENCE, math.nan),
        **{column: scores(rows, column).mean for column in STRUCTURE},
    }
    if base is not None and name != BASE:
        difference = bootstrap_difference(own, base, samples, np.random.default_rng(seed))
        row |= dict(zip(_DIFFERENCE, (difference.estimate, difference.low, difference.high), strict=True))
    return row


_DIFFERENCE = (
    "mask_iou_difference_to_base",
    "mask_iou_difference_to_base_ci_low",
    "mask_iou_difference_to_base_ci_high",
)


def silhouette_markdown(table: pd.DataFrame, provenance: Mapping[str, str]) -> str:
    """The comparison for people: first that there is no truth, then what there is, and where it comes from."""
    origin = "\n".join(f"- {name}: {value}" for name, value in provenance.items())
    lines = [
        _line(_HEADINGS),
        _line(["---"] * len(_HEADINGS)),
        *(_line(_cells(row)) for row in table.to_dict("records")),
    ]
    words = [f"- {sentence}" for sentence in verdict(table)]
    parts = ["# Comparison", NO_TRUTH_SENTENCE, "\n".join(lines), "## In plain words", "\n".join(words)]
    parts += ["## Notes", WHAT_MASKS_SAY, _NOTES, origin]
    return "\n\n".join(part for part in parts if part) + "\n"


_HEADINGS = (
    "method",
    "stage",
    "objects",
    "seeds",
    "empty",
    "mask IoU ↑",
    "95 %",
    "difference to base",
    "pieces",
    "floaters ↓",
    "faces",
)
_NOTES = """\
Brackets are 95 % bootstrap intervals over objects and seeds; differences are paired by object. An empty prediction
counts with a mask IoU of 0 and as nothing but floaters. `sphere` looks at no image: a ball of radius 0.4."""


def verdict(table: pd.DataFrame) -> list[str]:
    """Whose silhouettes cover the masks best, and whose do no better than what has learned nothing."""
    last = table.groupby("ablation", sort=False).tail(1).set_index("ablation")
    learned = last.drop(index=[SPHERE, UNTRAINED], errors="ignore")
    if learned.empty:
        return ["No trained model was evaluated."]
    best = learned.loc[learned[HEADLINE].idxmax()]
    sentences = [
        f"The silhouettes of {best.name} ({best['stage']}) cover the masks of unseen objects best, with a mask IoU of "
        f"{best[HEADLINE]:.3f} (95 % interval {best['mask_iou_ci_low']:.3f} to {best['mask_iou_ci_high']:.3f})."
    ]
    for name, what in ((SPHERE, "a ball"), (UNTRAINED, "the network before training")):
        if name in last.index:
            level = last.loc[name, HEADLINE]
            losers = learned.index[learned[HEADLINE] <= level]
            worse = f"not better than that: {', '.join(losers)}" if len(losers) else "all trained models are above it"
            sentences.append(f"What {what} reaches: {level:.3f}; {worse}.")
    return sentences


def _cells(row: Mapping[str, Any]) -> list[str]:
    difference, low, high = (row[name] for name in _DIFFERENCE)
    return [
        f"`{row['ablation']}`",
        row["stage"],
        *(str(row[name]) for name in ("n_objects", "n_seeds", "n_empty")),
        f"{row['mask_iou']:.3f}",
        f"[{row['mask_iou_ci_low']:.3f}, {row['mask_iou_ci_high']:.3f}]",
        "" if math.isnan(difference) else f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]",
        f"{row['components']:.1f}",
        f"{row['floater_fraction']:.3f}",
        f"{row['n_faces']:.0f}",
    ]


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
