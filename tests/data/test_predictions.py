from dataclasses import replace

import pytest

from shelfnet.data.predictions import (
    PREDICTIONS,
    Prediction,
    PredictionsError,
    mesh_name,
    read_predictions,
    write_predictions,
)

ROW = Prediction("chair-1", "test", 7, "coarse", "ok", "chair-1_007.glb", 12.5, -3.0, 120, 236, 0.81, 0.4)


def test_round_trip(tmp_path):
    rows = [ROW, replace(ROW, view=8, status="empty", mesh=None, n_vertices=0, n_faces=0, mask_iou=0.0)]
    write_predictions(tmp_path, rows)
    assert read_predictions(tmp_path) == rows


def test_empty_table(tmp_path):
    write_predictions(tmp_path, [])
    assert read_predictions(tmp_path) == []


def test_mesh_name():
    assert mesh_name("chair-1", 7) == "chair-1_007.glb"


def test_missing_table_refused(tmp_path):
    with pytest.raises(PredictionsError, match=f"{PREDICTIONS}"):
        read_predictions(tmp_path)


def test_damaged_table_refused(tmp_path):
    (tmp_path / PREDICTIONS).write_bytes(b"PAR1 but no more")
    with pytest.raises(PredictionsError, match=f"{PREDICTIONS}"):
        read_predictions(tmp_path)
