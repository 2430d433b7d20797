import numpy as np
import pandas as pd
import pytest
from report_tree import write_report_tree

from shelfnet.report.sources import SourceError, TrueMeshes, View, load_mesh, read_table, spread_views


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ("base",), seeds=(0,))
    return folder


def test_a_table_that_cannot_be_used_is_named(tmp_path):
    path = tmp_path / "metrics.parquet"
    with pytest.raises(SourceError, match=r"metrics\.parquet: expected a Parquet table"):
        read_table(path, ["value"])
    pd.DataFrame({"iteration": [1], "name": ["loss/rgb"]}).to_parquet(path)
    with pytest.raises(SourceError, match=r"metrics\.parquet: expected the columns value"):
        read_table(path, ["name", "value"])


def test_a_file_that_is_no_mesh_is_named(tmp_path):
    (tmp_path / "broken.glb").write_bytes(b"glTF\x02\x00\x00\x00")
    with pytest.raises(SourceError, match=r"broken\.glb"):
        load_mesh(tmp_path / "broken.glb")


def test_true_meshes_fill_the_unit_cube(results):
    truth = TrueMeshes(results, max_faces=1000)["model-000"]
    np.testing.assert_allclose(truth.bounds.mean(axis=0), 0.0, atol=1e-9)
    assert truth.extents.max() == pytest.approx(1.0)
    with pytest.raises(SourceError, match="model nobody"):
        TrueMeshes(results, max_faces=1000)["nobody"]


def test_shown_views_are_spread_over_the_models_and_never_repeat_one():
    views = [View(f"m{n:02d}", view) for n in range(10) for view in (1, 0)]
    assert [view.model_id for view in spread_views(views, 4)] == ["m00", "m03", "m06", "m09"]
    assert {view.view for view in spread_views(views, 4)} == {0}
    assert len(spread_views(views, 50)) == 10
    assert spread_views([], 3) == []
