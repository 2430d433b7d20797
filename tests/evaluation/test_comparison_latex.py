import pandas as pd

from shelfnet.evaluation.comparison_latex import comparison_latex

ROWS = pd.DataFrame(
    {
        "ablation": ["sphere", "triplane_clip"],
        "stage": ["coarse", "refined"],
        "mean": [0.116, 0.04],
        "ci_low": [0.11, 0.03],
        "ci_high": [0.12, 0.05],
        "difference_to_mean_shape": [0.05, -0.02],
        "difference_to_mean_shape_ci_low": [0.04, -0.03],
        "difference_to_mean_shape_ci_high": [0.06, -0.01],
        "components": [1.0, 2.0],
    }
)


def test_table_has_the_headline_columns_best_row_first():
    text = comparison_latex(ROWS)
    header, best, other = (line for line in text.splitlines() if line.endswith(r"\\"))
    assert header == r"method & chamfer $\downarrow$ & vs mean\_shape \\"
    assert best == (
        r"\texttt{triplane\_clip}, refined & \textbf{0.0400} {\scriptsize $[0.0300, 0.0500]$}"
        r" & $-0.0200$ {\scriptsize $[-0.0300, -0.0100]$} \\"
    )
    assert other.startswith(r"\texttt{sphere} & 0.1160 ")
    assert r"\begin{tabular}{lrr}" in text


def test_unknown_value_is_a_dash():
    rows = ROWS.assign(fscore=[float("nan"), 0.6])
    assert comparison_latex(rows).splitlines()[-3].endswith(r"& -- \\")
