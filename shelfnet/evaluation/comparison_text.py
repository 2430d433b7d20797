"""The comparison in words: sentences for ``comparison.md`` and ``report.html``, and the Markdown document."""

from collections.abc import Mapping, Sequence

import pandas as pd

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.claims_text import CLAIMS_NOTE
from shelfnet.evaluation.comparison import BASE
from shelfnet.evaluation.comparison_columns import markdown_table
from shelfnet.evaluation.methods import MEAN_SHAPE, SPHERE
from shelfnet.evaluation.statistics import Interval
from shelfnet.evaluation.verdict import (
    Difference,
    Finding,
    RefinementEffect,
    Relation,
    chamfer_verdict,
    last_stages,
    trained_rows,
)

NO_TRUTH_SENTENCE = (
    "This data set has no true shapes, so there is no Chamfer distance, F-score, volume IoU or view error for any "
    "method."
)
MASK_IOU_CAVEAT = (
    "The mask IoU compares the silhouette of a mesh with the mask of the image that it was made from and, if refined, "
    "fitted to. It says how well the visible side is explained and nothing about the other sides: a flat cut-out "
    "would reach 1."
)
_CHAMFER_NOTES = """\
`chamfer` is half the sum of both mean unsquared distances, with the true object's longest side = 1, after one rotation
about +Y per trained model that was fitted on the validation split. Brackets are 95 % bootstrap intervals over objects
and seeds; differences are paired by object. With one seed, an interval does not contain the variation between training
runs; with two seeds, it contains little of it. Sentences that rest on so few runs say so.
"Unicorn's protocol" is `chamfer_unicorn`, after a fit of rotation, translation and one scale per axis to each true
object. Unicorn (Monnier et al., ECCV 2022) has 0.0253 on the chairs of ShapeNet, without 3D supervision.
Azimuth errors are medians over views, other metrics are means. An empty prediction counts with the worst value of each
metric. Bold marks the best value of a column.

The last column holds the values of "Enhancing Shelf-Supervised Mesh Prediction in the Wild".
Their metric is undefined (points, scale and alignment are not stated), so they are not comparable with the other
columns."""
_SILHOUETTE_NOTES = """\
Brackets are 95 % bootstrap intervals over objects and seeds; differences are paired by object. An empty prediction
counts with a mask IoU of 0 and a floater fraction of 1. `sphere` looks at no image: it is a ball of radius 0.4."""


def comparison_markdown(comparison: pd.DataFrame, claims: Sequence[str], provenance: Mapping[str, str]) -> str:
    """``comparison.md`` of a data set with true shapes.

    Args:
        comparison: The comparison table.
        claims: Sentences about the claims of the paper.
        provenance: Origin of the numbers.
    """
    lead, *others = chamfer_sentences(comparison)
    parts = [markdown_table(comparison), "## In plain words", lead, _bullets(others)]
    parts += ["## The claims of the paper", _bullets(claims), CLAIMS_NOTE, "## Notes", _CHAMFER_NOTES]
    return _document(parts, provenance)


def silhouette_markdown(comparison: pd.DataFrame, provenance: Mapping[str, str]) -> str:
    """``comparison.md`` of a data set without true shapes, which starts with that fact."""
    parts = [NO_TRUTH_SENTENCE, markdown_table(comparison), "## In plain words"]
    parts += [_bullets(silhouette_sentences(comparison)), "## Notes", MASK_IOU_CAVEAT, _SILHOUETTE_NOTES]
    return _document(parts, provenance)


def chamfer_sentences(comparison: pd.DataFrame) -> list[str]:
    """The verdict, then one text per trained ablation, then the effect of refinement."""
    verdict = chamfer_verdict(comparison)
    findings = [_finding(finding) for finding in verdict.findings]
    return [
        chamfer_verdict_sentence(comparison),
        *findings,
        *([_refinement(verdict.refinement)] if verdict.refinement else []),
    ]


def silhouette_sentences(comparison: pd.DataFrame) -> list[str]:
    """The best method by mask IoU, and how the trained ablations compare with methods without training."""
    last = last_stages(comparison.to_dict("records"))
    trained = trained_rows(last.values())
    if not trained:
        return ["No trained model was evaluated."]
    best = max(trained, key=lambda row: row["mask_iou"])
    iou = best["mask_iou"]
    sentences = [
        f"The silhouettes of {best['ablation']} ({best['stage']}) cover the masks of unseen objects best, with a mask "
        f"IoU of {iou:.3f} (95 % interval {best['mask_iou_ci_low']:.3f} to {best['mask_iou_ci_high']:.3f})."
    ]
    for name, subject in ((SPHERE, "A ball"), (UNTRAINED, "The network before training")):
        if name in last:
            level = last[name]["mask_iou"]
            not_above = [row["ablation"] for row in trained if row["mask_iou"] <= level]
            others = f"not better: {', '.join(not_above)}" if not_above else "all models are better"
            sentences.append(f"{subject} reaches {level:.3f}; {others}.")
    return sentences


def chamfer_verdict_sentence(comparison: pd.DataFrame) -> str:
    """The best trained method, its ``chamfer``, and its difference to ``mean_shape``, in one sentence."""
    verdict = chamfer_verdict(comparison)
    best, level = verdict.best, f"{verdict.mean_shape_chamfer:.4f}"
    if best is None:
        return f"No trained method was evaluated; `{MEAN_SHAPE}` has a `chamfer` of {level}."
    interval = best.chamfer
    lead = (
        f"The best method is `{best.ablation}` ({best.stage}), with a mean `chamfer` of {interval.estimate:.4f}"
        f" [{interval.low:.4f}, {interval.high:.4f}]"
    )
    difference, runs = best.to_mean_shape.interval, _in_few_runs(best.to_mean_shape)
    if best.to_mean_shape.relation is Relation.BETTER:
        return (
            f"{lead}, {-difference.estimate:.4f} [{-difference.high:.4f}, {-difference.low:.4f}] below"
            f" `{MEAN_SHAPE}` ({level}){runs}."
        )
    relation = "is worse than" if best.to_mean_shape.relation is Relation.WORSE else "cannot be distinguished from"
    return (
        f"{lead}; it {relation} `{MEAN_SHAPE}` ({level}, difference {difference.estimate:+.4f} {_range(difference)})."
    )


def _finding(finding: Finding) -> str:
    against_mean_shape = _against(f"`{finding.ablation}` ({finding.stage})", MEAN_SHAPE, finding.to_mean_shape)
    return (
        against_mean_shape
        if finding.to_base is None
        else f"{against_mean_shape} {_against('It', BASE, finding.to_base)}"
    )


def _against(name: str, reference: str, difference: Difference) -> str:
    """How a method compares with a reference, in one sentence."""
    runs, interval = _in_few_runs(difference), difference.interval
    if difference.relation is Relation.BETTER:
        return f"{name} beats `{reference}`{runs} by {-interval.estimate:.4f} ({_range(interval)})."
    if difference.relation is Relation.WORSE:
        return f"{name} is worse than `{reference}`{runs} by {interval.estimate:.4f} ({_range(interval)})."
    return f"{name} cannot be distinguished from `{reference}` ({interval.estimate:+.4f}, {_range(interval)})."


def _in_few_runs(difference: Difference) -> str:
    """Qualifies a verdict that rests on one or two training runs, whose interval says little about other runs."""
    return {1: " in this one run", 2: " in these two runs"}.get(difference.n_seeds, "")


def _refinement(effect: RefinementEffect) -> str:
    mask_error, chamfer = _least_to_most(effect.mask_error, "+.0%"), _least_to_most(effect.chamfer, "+.4f")
    changes = f"Refinement changes the mask error by {mask_error} and `chamfer` by {chamfer}."
    if not effect.worse:
        return changes
    worse = _listed([f"`{name}`" for name in effect.worse])
    return f"{changes} **It makes the shapes of {worse} worse: lower `refine.max_offset`.**"


def _least_to_most(values: tuple[float, float], form: str) -> str:
    least, most = (format(value, form) for value in values)
    return least if least == most else f"{least} to {most}"


def _range(interval: Interval) -> str:
    return f"[{interval.low:+.4f}, {interval.high:+.4f}]"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _document(parts: Sequence[str], provenance: Mapping[str, str]) -> str:
    origin = _bullets([f"{name}: {value}" for name, value in provenance.items()])
    return "\n\n".join(part for part in ["# Comparison", *parts, origin] if part) + "\n"
