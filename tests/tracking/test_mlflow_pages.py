"""MLflow's own pages in a browser: the printed address opens the charts."""

from pathlib import Path

import chromium
import pytest
from mlflow_pages import mlflow_pages
from PIL import Image

from shelfnet.config.workflow import TrackingSettings
from shelfnet.tracking.charts import charts_address
from shelfnet.tracking.journal import Journal
from shelfnet.tracking.mirror import mirror

pytestmark = pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the page in")

RUNS = ("base/seed0", "triplane/seed0", "untrained/seed0")


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """Three mirrored runs in the working directory; yields the id of their experiment."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 20), "red").save("samples.png")
    for run in RUNS:
        journal = Journal(Path("results/journal", f"train-{run.partition('/')[0]}.jsonl"), run)
        journal.image(50, "validation/samples", Path("samples.png"))
        for step in (0,) if run.startswith("untrained") else (0, 50):
            journal.metrics(step, {"validation/chamfer": 0.1, "loss/total": 1.0, "health/grad": 1.0})
        journal.metrics(0, {"test/chamfer": 0.1, "test/coarse/iou": 0.5})
    return mirror(Path("results/journal"), TrackingSettings(timeout_s=120.0), Path("results")).experiment_id


def test_the_address_opens_curves_bars_and_samples_of_the_trained_runs(tmp_path, experiment):
    with mlflow_pages(tmp_path) as server, chromium.chromium(tmp_path / "profile") as page:
        page.resize(1500, 3000)
        page.open(charts_address(experiment).replace("http://127.0.0.1:5000", server))
        text = page.wait_for("document.body.innerText", lambda text: "loss/total" in text and "test/chamfer" in text)
        page.wait_for("document.querySelectorAll('img[src*=get-artifact]').length", lambda count: count >= 2)
    assert text.index("validation/chamfer") < text.index("validation/samples") < text.index("test/chamfer")
    assert "base/seed0" in text and "triplane/seed0" in text
    assert "untrained/seed0" not in text and "test/coarse/iou" not in text
    assert "2 matching runs" in text
