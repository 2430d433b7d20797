import json
import re
import shutil
import subprocess

import pytest
from report_tree import write_report_tree

from shelfnet.config.load import validate
from shelfnet.steps.write_report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --window-size=1280,4000 --virtual-time-budget=20000"
)
PROBE = """<script>
addEventListener("load", async () => {
  const canvas = document.querySelector("canvas[data-mesh=base]");
  const pixels = () => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
  const opaque = (values) => values.filter((value, index) => index % 4 === 3 && value > 0).length * 4 / values.length;
  const pause = () => new Promise((done) => setTimeout(done, 100));
  canvas.scrollIntoView();
  while (opaque(pixels()) === 0) await pause();
  const before = pixels();
  canvas.setPointerCapture = () => {};
  const pointer = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: 9 }));
  pointer("pointerdown", 10); pointer("pointermove", 90); pointer("pointerup", 90);
  while (pixels().every((value, index) => value === before[index])) await pause();
  document.querySelectorAll("#comparison th button")[5].click();
  const order = [...document.querySelectorAll("#comparison tbody tr")].map((row) => Number(row.cells[5].dataset.value));
  document.title = JSON.stringify({ before: opaque(before), after: opaque(pixels()), order });
});
</script></body>"""
"""Waits for the mesh to appear, drags it, waits for it to change, sorts the table, and tells in the title."""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "<i>odd"), seeds=(0,))
    (results / "figures" / "floaters.png").write_bytes(b"not looked at")
    write_report(
        config=validate({"reconstruct": {"views_per_model": 2}, "perceptual": {"weights": "untrained"}}),
        results=results,
        comparison=results / "comparison.csv",
        figures=results / "figures",
        tables=tables,
        output=results / "report.html",
        journal=results / "journal" / "write_report.jsonl",
    )
    return results / "report.html"


def test_the_page_asks_the_network_for_nothing(report):
    html = report.read_text()
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', html) == []
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_texts_from_outside_are_escaped(report):
    html = report.read_text()
    assert "<i>odd" not in html
    assert "&lt;i&gt;odd" in html
    assert "<b>no number</b>" not in html


def test_the_page_says_what_beats_what_and_what_is_untrained(report):
    html = report.read_text()
    assert "The best model is base (refined)" in html
    assert "Perceptual features are untrained" in html


def test_every_row_of_meshes_has_the_truth_and_both_stages(report):
    found = re.search(r'id="mesh-data">(.*?)</script>', report.read_text(), re.DOTALL)
    data = json.loads(found.group(1))
    assert data["stages"] == ["refined", "coarse"]
    assert len(data["rows"]) == 3
    expected = {"truth", *(f"{name}/{stage}" for name in ("base", "<i>odd") for stage in ("coarse", "refined"))}
    assert all(set(row) == expected for row in data["rows"])


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the report in")
def test_a_browser_draws_the_meshes_turns_them_and_sorts_the_table(report, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(report.read_text().replace("</body>", PROBE))
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search("<title>({.*?})</title>", dom)
    assert title is not None, "no mesh appeared, or it did not turn"
    seen = json.loads(title.group(1))
    assert 0.03 < seen["before"] < 0.8
    assert 0.03 < seen["after"] < 0.8
    assert seen["order"] == sorted(seen["order"])
