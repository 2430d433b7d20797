import pandas as pd
import pytest

from shelfnet.evaluation.predictions import PredictionsError, read_predictions

ROW = {
    "model_id": "a",
    "split": "test",
    "view": 0,
    "stage": "coarse",
    "status": "ok",
    "mesh": "a_000.glb",
    "azimuth_deg": 10.0,
    "elevation_deg": 5.0,
    "n_vertices": 8,
    "n_faces": 12,
    "mask_iou": 0.5,
    "seconds": 0.1,
}


@pytest.fixture
def folder(tmp_path):
    def make(name, *changes, drop=()):
        (tmp_path / name).mkdir()
        rows = pd.DataFrame([ROW | change for change in changes]).drop(columns=list(drop))
        rows.to_parquet(tmp_path / name / "predictions.parquet")
        return tmp_path / name

    return make


def test_folders_are_joined_and_sorted(folder):
    first, second = folder("part-0", {"model_id": "b"}, {"view": 1}), folder("part-1", {})
    rows = read_predictions([first, second], "coarse")
    assert list(zip(rows["model_id"], rows["view"], strict=True)) == [("a", 0), ("a", 1), ("b", 0)]
    assert rows["mesh"][0] == second / "a_000.glb"


@pytest.mark.parametrize(
    "change", [{"stage": "refined"}, {"status": "fine"}, {"mesh": "../a.glb"}, {"mesh": ""}, {"mesh": None}]
)
def test_bad_row_is_named(folder, change):
    with pytest.raises(PredictionsError, match=r"part-0.*model a view 0"):
        read_predictions([folder("part-0", change)], "coarse")


def test_repeated_view_is_named(folder):
    with pytest.raises(PredictionsError, match=r"part-1.*view 0 of model a"):
        read_predictions([folder("part-0", {}), folder("part-1", {})], "coarse")


def test_missing_columns_and_folders_are_named(folder, tmp_path):
    with pytest.raises(PredictionsError, match=r"part-0.*mask_iou"):
        read_predictions([folder("part-0", {}, drop=["mask_iou"])], "coarse")
    with pytest.raises(PredictionsError, match=r"nowhere"):
        read_predictions([tmp_path / "nowhere"], "coarse")
    with pytest.raises(PredictionsError, match="refined"):
        read_predictions([], "refined")
