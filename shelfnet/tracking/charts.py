"""The charts on which MLflow's page of training runs opens: a shared view, kept in a tag of the experiment."""

import base64
import json
import urllib.parse
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from shelfnet.config.load import UNTRAINED

VIEW = "training"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
SHOWN_RUNS = f"attributes.run_name LIKE '%/seed%' AND attributes.run_name != '{UNTRAINED}/seed0'"
"""MLflow's filter for the runs that have curves."""

SAMPLES = "validation/samples"
SECTIONS = ("validation", "samples", "test", "loss", "health", "speed", "system")
COLUMNS, HEIGHTS_PX = {"validation": 2, "samples": 1}, {"samples": 720}
FIRST = (
    "validation/chamfer", "validation/azimuth_error_deg", "validation/mask_iou", "loss/total", "loss/mask", "loss/rgb",
)  # fmt: skip
"""Metrics whose charts come before the others of their section."""

BARS = ("test/chamfer", "test/refined/azimuth_error_deg", "test/refined/mask_iou")
"""Metrics of one value per run that are worth a chart of one bar per run."""


def shared_view(last_steps: Iterable[Mapping[str, int]]) -> str:
    """Value of :data:`VIEW_TAG`: one chart per metric with a curve, those of :data:`FIRST` first.

    Args:
        last_steps: Highest step by metric name, for each training run. A metric without a chart is listed as deleted,
            since MLflow adds one for every metric that is not listed.
    """
    runs = list(last_steps)
    steps = {name: max(run.get(name, 0) for run in runs) for run in runs for name in run}
    names = sorted(steps, key=lambda name: (name not in FIRST, FIRST.index(name) if name in FIRST else name))
    bars = BARS if len(runs) > 1 else ()
    charts = [_chart(name, steps[name], deleted=steps[name] == 0 and name not in bars) for name in names]
    charts.append(
        _card("IMAGE", SAMPLES, "samples", deleted=False)
        | {
            "imageKeys": [SAMPLES],
            "step": max((run.get(FIRST[0], 0) for run in runs), default=0),
            "showRunParams": False,
        }
    )
    shown = {chart["metricSectionId"] for chart in charts if not chart["deleted"]}
    view = {
        "searchFilter": SHOWN_RUNS,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": charts,
        "compareRunSections": [
            _section(name) for name in (*SECTIONS, *sorted(shown.difference(SECTIONS))) if name in shown
        ],
        "isAccordionReordered": True,
    }
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(view).encode(), 9)).decode()


def charts_address(experiment_id: str) -> str:
    """Address of these charts on a local MLflow server, whose start page is one of traces."""
    options = {"workflowType": "machine_learning", "compareRunsMode": "CHART", "viewStateShareKey": VIEW}
    return f"http://127.0.0.1:5000/#/experiments/{experiment_id}/runs?{urllib.parse.urlencode(options)}"


def _chart(metric: str, last_step: int, deleted: bool) -> dict[str, Any]:
    section = metric.partition("/")[0]
    common = {"metricKey": metric}
    if last_step == 0:
        return _card("BAR", metric, section, deleted) | common
    axes = {"xAxisKey": "step", "useGlobalXaxisKey": True, "yAxisKey": "metric", "selectedMetricKeys": [metric]}
    scales = {"xAxisScaleType": "linear", "scaleType": "linear", "range": {}, "useGlobalLineSmoothing": True}
    return _card("LINE", metric, section, deleted) | common | axes | scales


def _card(kind: str, name: str, section: str, deleted: bool) -> dict[str, Any]:
    place = {"uuid": name, "metricSectionId": section, "deleted": deleted, "isGenerated": True}
    return {"type": kind, **place, "runsCountToCompare": 100}


def _section(name: str) -> dict[str, Any]:
    shown = "System metrics" if name == "system" else name
    size = {"columns": COLUMNS.get(name, 3), "cardHeight": HEIGHTS_PX.get(name, 360)}
    return {"uuid": name, "name": shown, "display": name not in ("health", "speed"), "isReordered": True} | size
