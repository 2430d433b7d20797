"""The report as MLflow shows it: an artifact in a sandboxed frame, without what a page of its own may do."""

from pathlib import Path

import chromium
import pytest
from mlflow_pages import mlflow_pages
from report_tree import tree_config, write_report_of, write_report_tree

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.mirror import mirror

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the report in")]
FRAME = "iframe[sandbox]"
MESH = "#meshes model-viewer[data-file^=base]"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A report, mirrored into a database of its own."""
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0,), n_models=8)
    write_report_of(results, tables, tree_config("base", "untrained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(results.parent)
        report = mirror(results / "journal", TrackingSettings(timeout_s=60.0), Path("results"))
    assert report.pending == 0
    return results


@pytest.fixture(scope="module")
def server(results):
    """Address of MLflow's pages."""
    with mlflow_pages(results.parent) as address:
        yield address


def artifact_page(results, server):
    """Address of the page that shows ``report.html`` among the artifacts of its run."""
    (path,) = results.glob("mlartifacts/*/artifacts/report.html")
    return f"{server}/#/experiments/1/runs/{path.parent.parent.name}/artifacts/report.html"


def test_the_artifact_shows_its_table_and_a_mesh_that_turns(results, server, tmp_path):
    with chromium.chromium(tmp_path, *chromium.WITH_WEBGL) as page:
        page.resize(1500, 1000)
        page.open(artifact_page(results, server))
        with page.inside(FRAME):
            cells = "[...document.querySelectorAll('#comparison tbody td:first-child')]"
            methods = f"{cells}.map((td) => td.innerText.split('\\n')[0])"  # the stage is on the second line
            assert {"base", "untrained", "mean_shape"} <= set(page.wait_for(methods))
            page.middle_of(MESH)
            page.wait_for(f"document.querySelector('{MESH}').loaded")
            camera = f"document.querySelector('{MESH}').getCameraOrbit().theta"
            before = page.evaluate(camera)
            page.drag(MESH, right=60, down=20)
            page.wait_for(camera, lambda now: abs(now - before) > 0.1)
