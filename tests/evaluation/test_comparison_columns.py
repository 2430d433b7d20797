import pandas as pd

from shelfnet.evaluation.comparison_columns import comparison_cells, markdown_table

NAN = float("nan")
ROWS = pd.DataFrame(
    [
        {"ablation": "base", "stage": "coarse", "mean": 0.05001, "iou": 0.4, "beats_mean_shape": True},
        {"ablation": "clip", "stage": "coarse", "mean": 0.050012, "iou": 0.6, "beats_mean_shape": False},
        {"ablation": "sphere", "stage": "coarse", "mean": 0.116, "iou": NAN, "beats_mean_shape": False},
    ]
).assign(
    ci_low=[0.04, 0.04, 0.1],
    ci_high=[0.06, 0.06, 0.12],
    difference_to_base=[NAN, -0.00001, 0.066],
    difference_to_base_ci_low=[NAN, -0.001, 0.06],
    difference_to_base_ci_high=[NAN, 0.001, 0.07],
)


def titles(comparison):
    return [column.title for column in comparison_cells(comparison).columns]


def column(title):
    return [row.cells[titles(ROWS).index(title)] for row in comparison_cells(ROWS).rows]


def test_best_cells_follow_the_direction_and_share_ties():
    assert [cell.best for cell in column("chamfer ↓")] == [True, True, False]
    assert [cell.best for cell in column("IoU ↑")] == [False, True, False]


def test_unknown_value_is_a_dash_without_sort_value():
    assert (column("IoU ↑")[2].text, column("IoU ↑")[2].value) == ("\N{EN DASH}", "")


def test_difference_shows_its_interval_and_sorts_by_all_digits():
    cell = column("vs base")[2]
    assert (cell.text, cell.interval, cell.value) == ("+0.0660", "[+0.0600, +0.0700]", "0.066")
    assert column("vs base")[0].interval == ""


def test_rows_are_sorted_by_chamfer_or_else_by_mask_iou():
    def order(comparison):
        return [row.ablation for row in comparison_cells(comparison).rows]

    shuffled = ROWS.iloc[[2, 1, 0]]
    assert order(shuffled) == ["base", "clip", "sphere"]
    assert order(shuffled.assign(mean=NAN, mask_iou=[0.7, 0.2, 0.9])) == ["base", "sphere", "clip"]


def test_markdown_has_the_interval_behind_the_bold_value():
    assert "| `base` | coarse | **0.0500** [0.0400, 0.0600] |" in markdown_table(ROWS)


def test_missing_published_value_has_its_reason():
    table = comparison_cells(ROWS.assign(ablation=["base", "se3", "sphere"], published_chamfer=[0.133, NAN, NAN]))
    texts = [row.cells[-1].text for row in table.rows]
    assert texts == ["0.1330", "no figure in the paper", "not in the paper"]


def test_columns_without_any_value_are_left_out():
    assert "IoU ↑" in titles(ROWS)
    assert "IoU ↑" not in titles(ROWS.assign(iou=NAN))


def test_trivial_rows_are_marked():
    assert [row.trivial for row in comparison_cells(ROWS).rows] == [False, False, True]
    assert [cell.text for cell in column("beats mean_shape")] == ["yes", "no", "\N{EN DASH}"]
