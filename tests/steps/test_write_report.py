import base64
import re

import pandas as pd
import pytest
from report_tree import tree_config, write_report_of, write_report_tree

from shelfnet.evaluation.comparison_text import chamfer_sentences
from shelfnet.report.captions import DATA_FIGURES, FIGURE_CAPTIONS
from shelfnet.report.data_uris import png_uri
from shelfnet.report.html import inline_markdown
from shelfnet.steps import write_report as step


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "<i>odd"), seeds=(0,))
    (results / "figures" / "floaters.png").write_bytes(b"not looked at")
    return write_report_of(results, tables, tree_config("base", "<i>odd", perceptual={"weights": "untrained"}))


def test_page_needs_no_network(report):
    html = re.sub(r'<script type="module">.*?</script>', "", report.read_text(), flags=re.DOTALL)
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
    *claims, first, second, third = re.findall(r"<li>(.*?)</li>", html)
    assert [first, second, third] == [inline_markdown(line) for line in others]
    assert [claim[:3] for claim in claims] == ["(a)", "(b)", "(c)", "(d1", "(d2", "(e)", "(f)"]
    assert "Perceptual features are untrained" in html


def test_gallery_has_the_files_of_the_results(report):
    html = report.read_text()
    files = dict(re.findall(r'<script type="text/plain" id="glb-([^"]*)">(.*?)</script>', html))
    shown = set(re.findall(r'<model-viewer data-file="([^"]*)"', html))
    assert shown == set(files) == set(re.findall(r'download="([^"]*)"', html))
    prediction = next(
        path for path in report.parent.glob("base/seed0/refined/part-0/*.glb") if f"base-refined-{path.name}" in files
    )
    assert base64.b64decode(files[f"base-refined-{prediction.name}"]) == prediction.read_bytes()
    assert sum(name.startswith("truth-") for name in files) == 3


def test_table_starts_with_the_lowest_chamfer(report):
    table = pd.read_csv(report.parent / "comparison.csv").sort_values("mean")
    shown = re.findall(r'<td data-value="[^"]*"><code>(.*?)</code>', report.read_text())
    assert shown == [name.replace("<", "&lt;").replace(">", "&gt;") for name in table["ablation"]]


def test_data_section_has_its_own_figures(tmp_path):
    for name in ("view_sphere", "floaters"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    (own,) = step._images(tmp_path, DATA_FIGURES, with_truth=True)
    assert (own.image, own.caption) == (png_uri(b"view_sphere"), FIGURE_CAPTIONS["view_sphere"])
    assert set(DATA_FIGURES) < set(FIGURE_CAPTIONS)
