import pandas as pd

from shelfnet.evaluation.comparison_columns import comparison_cells

NAN = float("nan")
ROWS = pd.DataFrame(
    [
        {"ablation": "base", "mean": 0.05001, "iou": 0.4, "beats_mean_shape": True},
        {"ablation": "clip", "mean": 0.05, "iou": 0.6, "beats_mean_shape": False},
        {"ablation": "sphere", "mean": 0.116, "iou": NAN, "beats_mean_shape": False},
    ]
).assign(
    difference_to_base=[NAN, -0.00001, 0.066],
    difference_to_base_ci_low=[NAN, -0.001, 0.06],
    difference_to_base_ci_high=[NAN, 0.001, 0.07],
)


def column(title):
    table = comparison_cells(ROWS)
    return [row.cells[table.titles.index(title)] for row in table.rows]


def test_best_cells_follow_the_direction_and_share_ties():
    assert [cell.best for cell in column("chamfer ↓")] == [True, True, False]
    assert [cell.best for cell in column("IoU ↑")] == [False, True, False]


def test_unknown_value_is_a_dash_without_sort_value():
    assert (column("IoU ↑")[2].text, column("IoU ↑")[2].value) == ("\N{EN DASH}", "")


def test_difference_shows_its_interval_and_sorts_by_all_digits():
    cell = column("vs base")[2]
    assert (cell.text, cell.value) == ("+0.0660 [+0.0600, +0.0700]", "0.066")


def test_missing_published_value_has_its_reason():
    table = comparison_cells(ROWS.assign(ablation=["base", "se3", "sphere"], published_chamfer=[0.133, NAN, NAN]))
    texts = [row.cells[-1].text for row in table.rows]
    assert texts == ["0.1330", "no figure in the paper", "not in the paper"]


def test_columns_without_any_value_are_left_out():
    assert "IoU ↑" in comparison_cells(ROWS).titles
    assert "IoU ↑" not in comparison_cells(ROWS.assign(iou=NAN)).titles


def test_trivial_rows_are_marked():
    assert [row.trivial for row in comparison_cells(ROWS).rows] == [False, False, True]
    assert [cell.text for cell in column("beats mean_shape")] == ["yes", "no", "\N{EN DASH}"]
