"""Comparison, figures and report of a data set without true shapes."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from report_tree import tree_config, write_report_tree

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.shards.writer import write_shard
from shelfnet.evaluation.comparison_text import NO_TRUTH_SENTENCE
from shelfnet.evaluation.results import NO_TRUTH, read_results, write_results
from shelfnet.report.captions import FIGURE_CAPTIONS, NEED_TRUTH
from shelfnet.report.figures.images import LABELS_IN, MAX_CELL_IN
from shelfnet.report.figures.style import DPI
from shelfnet.steps import draw_reconstructions as reconstructions_step
from shelfnet.steps import write_report as report_step
from shelfnet.steps.compare import compare
from shelfnet.steps.draw_figures import draw_figures

BLANK = [
    "chamfer",
    "chamfer_l2",
    "chamfer_icp",
    "chamfer_unicorn",
    "fscore",
    "precision",
    "recall",
    "iou",
    "normal_consistency",
]
BLANK += ["azimuth_error_deg", "elevation_error_deg", "n_points", "normalisation", "alignment_deg"]
CONFIG = tree_config("base", "untrained", dataset={"kind": "images"})


def forget_the_truth(results, tables):
    """Turn the results into those of photographs: no shapes and no poses."""
    manifest = json.loads((results / "dataset" / "manifest.json").read_text())
    (results / "dataset" / "manifest.json").write_text(json.dumps(manifest | {"kind": "images"}))
    for path in (results / "dataset").rglob("*.obj"):
        path.unlink()
    catalogue = results / "catalogue" / "models.parquet"
    pd.read_parquet(catalogue).assign(obj_path=None).to_parquet(catalogue)
    for path in (results / "renders").glob("shard-*.parquet"):
        unknown = {"azimuth_deg": np.nan, "elevation_deg": np.nan, "fov_deg": np.nan, "cam2world": [np.nan] * 16}
        write_shard(path, [row | unknown for row in pq.read_table(path).to_pylist()])
    for path in results.glob("*/seed*/metrics.parquet"):
        metrics = pd.read_parquet(path)
        metrics.assign(name=metrics["name"].replace("validation/chamfer", "validation/mask_iou")).to_parquet(path)
    baselines = results / "baselines" / "chamfer.csv"
    for path in (*tables.values(), baselines):
        unknown = {**dict.fromkeys(BLANK, np.nan), "alignment": NO_TRUTH, "has_truth": False}
        rows = read_results(path).assign(**unknown, n_faces=500)
        write_results(rows if path != baselines else rows[rows["ablation"] == "sphere"], path)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0,))
    forget_the_truth(results, tables)
    compare(
        settings=EvaluateSettings(bootstrap_samples=50),
        tables=tables,
        baselines=results / "baselines" / "chamfer.csv",
        output_csv=results / "comparison.csv",
        output_md=results / "comparison.md",
        output_tex=results / "comparison.tex",
        output_claims=results / "claims.csv",
        memory=results / "figures" / "memory_scaling.csv",
        provenance={"data set": "images"},
        journal=results / "journal" / "compare.jsonl",
    )
    shared = {"config": CONFIG, "results": results, "tables": tables}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconstructions_step, "SHOWN_VIEWS", 1)
        patch.setattr(report_step, "SHOWN_VIEWS", 1)
        figures = shared | {
            "baselines": results / "baselines" / "chamfer.csv",
            "journal": results / "journal" / "f.jsonl",
        }
        draw_figures(**figures, levels=None, output=results / "figures")
        reconstructions_step.draw_reconstructions(**figures, output=results / "figures" / "reconstructions.png")
        report_step.write_report(
            **shared,
            comparison=results / "comparison.csv",
            figures=results / "figures",
            output=results / "report.html",
            journal=results / "journal" / "r.jsonl",
        )
    return results


def test_comparison_starts_with_the_missing_truth(results):
    text = (results / "comparison.md").read_text()
    assert text.index(NO_TRUTH_SENTENCE) < text.index("| method |")
    table = pd.read_csv(results / "comparison.csv")
    assert set(table["ablation"]) == {"base", "untrained", "sphere"}
    assert table[["mean", "ci_low", "ci_high", "fscore", "iou"]].isna().all(axis=None)
    assert table["mask_iou"].notna().all()


def test_journal_has_mask_iou_instead_of_chamfer(results):
    text = (results / "journal" / "compare.jsonl").read_text()
    assert "comparison/mask_iou_refined/base" in text
    assert "chamfer_refined" not in text


def test_every_figure_is_drawn(results):
    assert {path.stem for path in (results / "figures").glob("*.png")} == set(FIGURE_CAPTIONS)


def test_reconstructions_have_no_column_of_truth(results):
    with Image.open(results / "figures" / "reconstructions.png") as image:
        width = image.width
    assert width == pytest.approx(DPI * (3 * MAX_CELL_IN + LABELS_IN), abs=2)


def test_page_starts_with_the_missing_truth_and_shows_no_nan(results):
    html = (results / "report.html").read_text()
    lead = re.search(r'<p class="lead">(.*?)</p>', html).group(1)
    assert lead == NO_TRUTH_SENTENCE
    assert "beside the truth" not in html
    shown = re.sub(r'<script.*?</script>|data:image/[a-z]*;base64,[^"]*', "", html, flags=re.DOTALL)
    assert not re.search(r"\bnan\b", shown, re.IGNORECASE)
    assert len(re.findall('<figure class="(?:wide|column)">', shown)) == len(FIGURE_CAPTIONS) - len(NEED_TRUTH)


def test_viewer_has_predictions_and_no_truth(results):
    html = (results / "report.html").read_text()
    shown = re.findall(r'id="glb-(\w+)-(coarse|refined)-[^"]*"', html)
    assert sorted(shown) == [("base", "coarse"), ("base", "refined")]
    assert 'id="glb-truth-' not in html
