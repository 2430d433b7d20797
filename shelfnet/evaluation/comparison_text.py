"""The comparison for people: a GitHub table and what it says in plain words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.baselines import BASELINES, MEAN_SHAPE
from shelfnet.evaluation.comparison import BASE

_UNKNOWN = "n/a"


@dataclass(frozen=True)
class Column:
    """A column of numbers: its heading, its digits, and whether less or more of it is better."""

    name: str
    heading: str
    digits: int
    less_is_better: bool


_SCORES = (
    Column("mean", "chamfer ↓", 4, True),
    Column("median", "median ↓", 4, True),
    Column("chamfer_icp", "after ICP ↓", 4, True),
    Column("chamfer_l2", "chamfer_l2 ↓", 4, True),
    Column("fscore", "F-score ↑", 3, False),
    Column("iou", "IoU ↑", 3, False),
    Column("normal_consistency", "normals ↑", 3, False),
    Column("azimuth_error_deg", "azimuth error, ° ↓", 1, True),
    Column("floater_fraction", "floaters ↓", 3, True),
    Column("mask_iou", "mask IoU ↑", 3, False),
)
_NOTES = """\
`chamfer` is half the sum of both mean unsquared distances, with the true object's longest side = 1, after one rotation
about +Y per trained model that was fitted on the validation split. Brackets are 95 % bootstrap intervals over objects
and seeds; differences are paired by object. With one seed they hold nothing of what another training run would change,
with two little: verdicts from so few runs say so.
Azimuth errors are medians over views, other metrics means. Empty predictions count with the worst value of each metric.
Bold marks the best value of a column.

The last column is for the figures of "Enhancing Shelf-Supervised Mesh Prediction in the Wild".
Their metric is undefined (points, scale and alignment are not stated), so that they could not be compared with the
other columns; where none is at hand, the column says so."""


def comparison_markdown(table: pd.DataFrame, provenance: Mapping[str, str]) -> str:
    """Render the comparison table, its reading in plain words, and where it comes from."""
    origin = [f"- {name}: {value}" for name, value in provenance.items()]
    parts = ["# Comparison", _table(table), "## In plain words", verdict(table), "## Notes", _NOTES]
    return "\n\n".join(parts + (["\n".join(origin)] if origin else [])) + "\n"


def verdict(table: pd.DataFrame) -> str:
    """A sentence on what beats what, then a line a trained ablation as it is in the end, and one on refinement."""
    learned = [row for _, row in _last_stages(table).iterrows()]
    base_runs = float(table.loc[table["ablation"] == BASE, "n_seeds"].min())
    lines = [f"- {_against_mean_shape(row)}{_against_base(row, base_runs)}" for row in learned]
    return "\n".join([_lead(table, learned), "", *lines, *(f"- {line}" for line in _of_refinement(table))])


def _last_stages(table: pd.DataFrame) -> pd.DataFrame:
    """The refined row of every trained ablation, or the coarse one where it was not refined."""
    trained = table[~table["ablation"].isin([*BASELINES, UNTRAINED])]
    return trained.drop_duplicates("ablation", keep="last")


def _lead(table: pd.DataFrame, learned: Sequence[pd.Series]) -> str:
    best = table.loc[table["mean"].idxmin()]
    winners = [f"`{row['ablation']}`" for row in learned if row["beats_mean_shape"]]
    mean_shape = f"`{MEAN_SHAPE}` ({table.loc[table['ablation'] == MEAN_SHAPE, 'mean'].iloc[0]:.4f})"
    beat = f"{_listed(winners)} {'beats' if len(winners) == 1 else 'beat'}" if winners else "None beats"
    return f"The lowest mean `chamfer` is {best['mean']:.4f}, by {_name(best)}. {beat} {mean_shape} beyond chance."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _against_mean_shape(row: pd.Series) -> str:
    difference = row["difference_to_mean_shape"]
    interval = _interval(row, "difference_to_mean_shape")
    if row["beats_mean_shape"]:
        return (
            f"{_name(row)} beats `{MEAN_SHAPE}`{_in_few_runs(float(row['n_seeds']))} by {-difference:.4f} ({interval})."
        )
    if difference < 0.0:
        return f"{_name(row)} is {-difference:.4f} below `{MEAN_SHAPE}`, but not beyond chance ({interval})."
    return (
        f"{_name(row)} does not beat `{MEAN_SHAPE}` (difference +{difference:.4f}, {interval}): it has learned nothing"
        " about the instance."
    )


def _against_base(row: pd.Series, base_runs: float) -> str:
    difference = row["difference_to_base"]
    if math.isnan(difference):
        return ""
    interval = _interval(row, "difference_to_base")
    runs = _in_few_runs(float(min(row["n_seeds"], base_runs)))
    if row["difference_to_base_ci_high"] < 0.0:
        return f" It beats `{BASE}`{runs} by {-difference:.4f} ({interval})."
    if row["difference_to_base_ci_low"] > 0.0:
        return f" It is worse than `{BASE}`{runs} by {difference:.4f} ({interval})."
    return f" It cannot be told from `{BASE}` ({difference:+.4f}, {interval})."


def _in_few_runs(runs: float) -> str:
    """Added to a verdict that rests on so few trainings of one side; of more, an interval says how far runs differ."""
    return {1: " in this one run", 2: " in these two runs"}.get(int(runs), "")


def _of_refinement(table: pd.DataFrame) -> list[str]:
    """What refinement did to mask errors at the input view and to shapes; a warning where it made shapes worse."""
    methods = [table[table["ablation"] == name] for name in dict.fromkeys(table["ablation"])]
    refined = [rows.set_index("stage") for rows in methods if _is_refined(rows)]
    if not refined:
        return []
    masks = [(1.0 - r.at["refined", "mask_iou"]) / max(1.0 - r.at["coarse", "mask_iou"], 1e-9) - 1.0 for r in refined]
    shapes = [r.at["refined", "mean"] - r.at["coarse", "mean"] for r in refined]
    changes = f"Refinement changes the mask error by {_range(masks, '+.0%')} and `chamfer` by {_range(shapes, '+.4f')}."
    worse = [f"`{r.at['coarse', 'ablation']}`" for r, shape in zip(refined, shapes, strict=True) if shape > 0.0]
    warning = f"**It makes the shapes of {_listed(worse)} worse: lower `refine.max_offset`.**" if worse else ""
    return [" ".join(filter(None, [changes, warning]))]


def _is_refined(rows: pd.DataFrame) -> bool:
    return set(rows["stage"]) == {"coarse", "refined"} and bool((rows["mask_iou"] > 0.0).all())


def _range(values: Sequence[float], form: str) -> str:
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else f"{least} to {most}"


def _table(table: pd.DataFrame) -> str:
    headings = ["method", "stage", "objects", "seeds", "empty"]
    headings += [_SCORES[0].heading, "95 %", "difference to base"]
    headings += [column.heading for column in _SCORES[1:]]
    headings += [f"beats {MEAN_SHAPE}", "published (metric undefined)"]
    best = {column.name: _best_value(table[column.name], column) for column in _SCORES}
    rows = [_cells(row, best) for _, row in table.iterrows()]
    return "\n".join([_line(headings), _line(["---"] * len(headings)), *map(_line, rows)])


def _cells(row: pd.Series, best: Mapping[str, str]) -> list[str]:
    values = [_score(row, column, best[column.name]) for column in _SCORES]
    return [
        f"`{row['ablation']}`",
        row["stage"],
        *(str(row[name]) for name in ("n_objects", "n_seeds", "n_empty")),
        values[0],
        f"[{row['ci_low']:.4f}, {row['ci_high']:.4f}]",
        _signed_with_interval(row),
        *values[1:],
        "" if row["ablation"] in BASELINES else ("yes" if row["beats_mean_shape"] else "**no**"),
        _published(row),
    ]


def _score(row: pd.Series, column: Column, best: str) -> str:
    text = _number(row[column.name], column.digits)
    return f"**{text}**" if text == best and text != _UNKNOWN else text


def _best_value(values: pd.Series, column: Column) -> str:
    return _number(values.min() if column.less_is_better else values.max(), column.digits)


def _published(row: pd.Series) -> str:
    """The paper's figure, or the first words of why there is none."""
    if math.isnan(row["published_chamfer"]):
        return row["published_note"].partition(":")[0]
    return _number(row["published_chamfer"], 4)


def _signed_with_interval(row: pd.Series) -> str:
    difference = row["difference_to_base"]
    return _UNKNOWN if math.isnan(difference) else f"{difference:+.4f} {_interval(row, 'difference_to_base')}"


def _interval(row: pd.Series, name: str) -> str:
    return f"[{row[f'{name}_ci_low']:+.4f}, {row[f'{name}_ci_high']:+.4f}]"


def _name(row: pd.Series) -> str:
    return f"`{row['ablation']}` ({row['stage']})"


def _number(value: float, digits: int) -> str:
    return _UNKNOWN if math.isnan(value) else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
