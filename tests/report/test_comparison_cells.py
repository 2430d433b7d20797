import pandas as pd

from shelfnet.report.comparison import comparison_cells

ROWS = pd.DataFrame(
    [
        {"ablation": "base", "mean": 0.05001, "iou": 0.4, "beats_mean_shape": True},
        {"ablation": "clip", "mean": 0.05, "iou": 0.6, "beats_mean_shape": False},
        {"ablation": "sphere", "mean": 0.116, "iou": float("nan"), "beats_mean_shape": False},
    ]
).assign(
    difference_to_base=[float("nan"), -0.00001, 0.066],
    difference_to_base_ci_low=[float("nan"), -0.001, 0.06],
    difference_to_base_ci_high=[float("nan"), 0.001, 0.07],
)


def column(heading):
    table = comparison_cells(ROWS)
    return [row.cells[table.columns.index(heading)] for row in table.rows]


def test_lower_or_higher_is_best_and_equal_text_shares_it():
    assert [cell.best for cell in column("chamfer ↓")] == [True, True, False]
    assert [cell.best for cell in column("IoU ↑")] == [False, True, False]


def test_unknown_values_are_dashes_without_a_sort_value():
    assert (column("IoU ↑")[2].text, column("IoU ↑")[2].value) == ("\N{EN DASH}", "")


def test_differences_carry_their_interval_and_sort_by_all_digits():
    cell = column("vs base")[2]
    assert (cell.text, cell.value) == ("+0.0660 [+0.0600, +0.0700]", "0.066")


def test_the_published_column_says_why_it_is_blank():
    rows = ROWS.assign(published_chamfer=[0.05, float("nan"), float("nan")], published_note="not published here: lost")
    table = comparison_cells(rows)
    assert table.columns[-1] == "published (metric undefined)"
    assert [row.cells[-1].text for row in table.rows] == ["0.0500", "not published here", "not published here"]


def test_trivial_rows_are_marked_and_do_not_beat_anything():
    assert [row.trivial for row in comparison_cells(ROWS).rows] == [False, False, True]
    assert [cell.text for cell in column("beats mean_shape")] == ["yes", "no", "\N{EN DASH}"]
