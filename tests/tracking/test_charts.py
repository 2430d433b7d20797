import base64
import json
import zlib

from shelfnet.tracking.charts import FIRST, SAMPLES, charts_address, shared_view

LAST_STEPS = {"loss/total": 50, "validation/mask_iou": 50, "validation/chamfer": 50, "test/chamfer": 0, "test/iou": 0}


def view_of(*runs):
    value = shared_view(runs)
    assert len(value) < 5000  # MLflow's limit
    return json.loads(zlib.decompress(base64.b64decode(value.removeprefix("deflate;"))))


def shown(view):
    return [(chart["type"], chart["uuid"]) for chart in view["compareRunCharts"] if not chart["deleted"]]


def test_charts_that_matter_come_first_and_single_values_have_none():
    view = view_of(LAST_STEPS)
    first = ["validation/chamfer", "validation/mask_iou", "loss/total"]
    assert shown(view) == [*(("LINE", name) for name in first), ("IMAGE", SAMPLES)]
    assert [name for name in FIRST if name in first] == first
    hidden = {chart["uuid"] for chart in view["compareRunCharts"] if chart["deleted"]}
    assert hidden == {"test/chamfer", "test/iou"}
    assert [section["name"] for section in view["compareRunSections"]] == ["validation", "samples", "loss"]


def test_bars_compare_several_runs():
    assert ("BAR", "test/chamfer") in shown(view_of(LAST_STEPS, LAST_STEPS))
    assert ("BAR", "test/iou") not in shown(view_of(LAST_STEPS, LAST_STEPS))


def test_every_chart_is_in_a_section():
    view = view_of(LAST_STEPS | {"new/value": 3})
    sections = {section["uuid"] for section in view["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"] if not chart["deleted"]} <= sections
    assert "new" in sections


def test_a_curve_of_one_run_is_a_curve():
    assert ("LINE", "loss/total") in shown(view_of({"loss/total": 0}, {"loss/total": 7}))


def test_no_runs_no_charts_but_samples():
    assert shown(view_of()) == [("IMAGE", SAMPLES)]


def test_the_address_opens_the_charts():
    address = charts_address("7")
    assert "/#/experiments/7/runs?" in address
    assert {"workflowType=machine_learning", "compareRunsMode=CHART", "viewStateShareKey=training"} == set(
        address.partition("?")[2].split("&")
    )
