"""What the comparison says, in plain words; it does not spare an ablation that a trivial guess beats."""

import math
from collections.abc import Iterable

import pandas as pd

MEAN_SHAPE, RANDOM_TRAIN, BASE, UNTRAINED = "mean_shape", "random_train", "base", "untrained"
TRIVIAL = ("sphere", RANDOM_TRAIN, MEAN_SHAPE)


def headline(comparison: pd.DataFrame) -> list[str]:
    """The lead sentence first, then what qualifies it.

    Args:
        comparison: one row an ablation and stage and one a trivial baseline, as ``comparison.csv`` has them.
    """
    trivial = comparison[comparison["ablation"].isin(TRIVIAL)].set_index("ablation")["mean"]
    ablations = last_stages(comparison[~comparison["ablation"].isin(TRIVIAL)])
    learned = ablations[ablations["ablation"] != UNTRAINED]
    if learned.empty:
        return ["No trained model was evaluated."]
    best = learned.loc[learned["mean"].idxmin()]
    return [_lead(best, float(trivial[MEAN_SHAPE])), *_losers(learned, ablations, trivial), *_against_base(learned)]


def last_stages(rows: pd.DataFrame) -> pd.DataFrame:
    """The refined row of each ablation, or its coarse one where there is no other."""
    return rows.sort_values("stage", kind="stable").groupby("ablation", sort=False).tail(1).sort_index()


def _lead(best: pd.Series, mean_shape: float) -> str:
    score = f"{best['mean']:.4f} (95 % interval {best['ci_low']:.4f} to {best['ci_high']:.4f})"
    if _is_true(best["beats_mean_shape"]):
        gain = 100.0 * (1.0 - best["mean"] / mean_shape)
        return (
            f"The most accurate model is the ablation `{best['ablation']}` ({best['stage']}): its Chamfer distance on "
            f"unseen objects is {score}, {gain:.0f} % below always answering with the mean shape ({mean_shape:.4f})."
        )
    return (
        f"No model beats always answering with the mean shape ({mean_shape:.4f}) beyond chance. The best, "
        f"`{best['ablation']}`, reaches {score}. Nothing here shows that a model has learned anything about the single "
        "object."
    )


def _losers(learned: pd.DataFrame, ablations: pd.DataFrame, trivial: pd.Series) -> list[str]:
    """Who does not beat what needs no learning."""
    sentences = []
    losers = learned.loc[~learned["beats_mean_shape"].map(_is_true), "ablation"]
    if 0 < len(losers) < len(learned):
        sentences.append(f"Not better than the mean shape beyond chance: {_listed(losers)}.")
    levels = {"a random training object": trivial.get(RANDOM_TRAIN)}
    levels["the network before training"] = ablations.set_index("ablation")["mean"].get(UNTRAINED)
    for name, level in levels.items():
        worse = learned.loc[learned["mean"] >= level, "ablation"] if level is not None else []
        if len(worse):
            sentences.append(f"Not even better than {name} ({level:.4f}): {_listed(worse)}.")
    return sentences


def _against_base(learned: pd.DataFrame) -> list[str]:
    compared = learned[learned["ablation"] != BASE]
    better, worse, same = [], [], []
    for row in compared.itertuples():
        if math.isnan(row.difference_to_base):
            continue
        verdict = better if row.difference_to_base_ci_high < 0 else worse if row.difference_to_base_ci_low > 0 else same
        verdict.append(row.ablation)
    sentences = [
        f"Better than base beyond chance: {_listed(better)}." if better else "",
        f"Worse than base beyond chance: {_listed(worse)}." if worse else "",
        f"Cannot be told from base: {_listed(same)}." if same else "",
    ]
    return [sentence for sentence in sentences if sentence]


def _is_true(value: object) -> bool:
    return str(value) == "True"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
