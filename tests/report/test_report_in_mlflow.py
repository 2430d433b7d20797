"""The report as MLflow shows it: an artifact in a sandboxed frame, without what a page of its own may do."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

import chromium
import pytest
from report_tree import tree_config, write_report_of, write_report_tree

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.mirror import mirror

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the report in"),
]
FRAME = "iframe[sandbox]"
MESH = "#meshes model-viewer[data-file^=base]"
STARTS_WITHIN_S = 120.0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A report, mirrored into a data base of its own."""
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0,), n_models=8)
    write_report_of(results, tables, tree_config("base", "untrained"))
    settings = TrackingSettings(uri=f"sqlite:///{results}/mlflow.db", timeout_s=60.0)
    assert mirror(results / "journal", settings, results).pending == 0
    return results


@pytest.fixture(scope="module")
def server(results):
    """Address of MLflow's pages."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{results}/mlflow.db"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (results / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=results, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its workers are processes of their own.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30.0)


def wait_until_healthy(address, process):
    end = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        try:
            return urllib.request.urlopen(address, timeout=5.0).close()
        except (URLError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"{address} did not answer")


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
