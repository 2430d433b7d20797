import json
import re

import pandas as pd
import pytest
from report_tree import tree_config, write_report_of, write_report_tree

from shelfnet.evaluation.comparison_text import chamfer_sentences
from shelfnet.report.captions import DATA_FIGURES, FIGURE_CAPTIONS
from shelfnet.report.html import inline_markdown, png_uri
from shelfnet.steps import write_report as step


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "<i>odd"), seeds=(0,))
    (results / "figures" / "floaters.png").write_bytes(b"not looked at")
    return write_report_of(results, tables, tree_config("base", "<i>odd", perceptual={"weights": "untrained"}))


def test_page_needs_no_network(report):
    html = report.read_text()
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', html) == []
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_text_is_escaped(report):
    html = report.read_text()
    assert "<i>odd" not in html
    assert "&lt;i&gt;odd" in html
    assert "<b>no number</b>" not in html


def test_page_has_the_sentences_of_the_comparison_and_caveats(report):
    html = report.read_text()
    lead, *others = chamfer_sentences(pd.read_csv(report.parent / "comparison.csv"))
    assert f'<p class="lead">{inline_markdown(lead)}</p>' in html
    assert len(others) == 3  # two ablations, and refinement
    assert re.findall(r"<li>(.*?)</li>", html) == [inline_markdown(line) for line in others]
    assert "Perceptual features are untrained" in html


def test_viewer_rows_have_the_truth_and_both_stages(report):
    found = re.search(r'id="mesh-data">(.*?)</script>', report.read_text(), re.DOTALL)
    data = json.loads(found.group(1))
    assert data["stages"] == ["refined", "coarse"]
    assert len(data["rows"]) == 3
    expected = {"truth", *(f"{name}/{stage}/0" for name in ("base", "<i>odd") for stage in ("coarse", "refined"))}
    assert all(set(row) == expected for row in data["rows"])


def test_data_section_has_its_own_figures(tmp_path):
    for name in ("view_sphere", "floaters"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    (own,) = step._images(tmp_path, DATA_FIGURES, with_truth=True)
    assert (own.image, own.caption) == (png_uri(b"view_sphere"), FIGURE_CAPTIONS["view_sphere"])
    assert set(DATA_FIGURES) < set(FIGURE_CAPTIONS)
