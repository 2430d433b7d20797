"""The comparison as a LaTeX table."""

import pandas as pd

from shelfnet.evaluation.comparison_columns import ComparisonCell, ComparisonRow, comparison_cells

_USAGE = r"% \usepackage{booktabs} and \input{comparison.tex}; brackets are 95 % intervals."
_ESCAPES = str.maketrans(
    {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "°": r"$^\circ$"}
)
_ESCAPES |= str.maketrans({"\N{EN DASH}": "--"})


def comparison_latex(comparison: pd.DataFrame) -> str:
    """A ``tabular`` of the headline columns, best row first, with the best value of each column in bold."""
    shown = comparison_cells(comparison)
    places = [place for place, column in enumerate(shown.columns) if column.headline]
    titles = ["method", *(_escape(shown.columns[place].title) for place in places)]
    lines = [
        _USAGE,
        rf"\begin{{tabular}}{{l{'r' * len(places)}}}",
        r"\toprule",
        _line(titles),
        r"\midrule",
        *(_line([_method(row), *(_cell(row.cells[place]) for place in places)]) for row in shown.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _method(row: ComparisonRow) -> str:
    name = rf"\texttt{{{_escape(row.ablation)}}}"
    return name if row.is_baseline else f"{name}, {row.stage}"


def _cell(cell: ComparisonCell) -> str:
    text = _escape(cell.text)
    if cell.text[:1] in "+-" and cell.value:
        text = f"${text}$"
    if cell.best:
        text = rf"\textbf{{{text}}}"
    return rf"{text} {{\scriptsize ${cell.interval}$}}" if cell.interval else text


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
