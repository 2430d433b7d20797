"""The step that trains the small CLIP: its retrieval captions, and its warning about a weak CLIP."""

import json
import logging
import runpy
import sys
from pathlib import Path

import pytest
import torch
from photographed import disc_png

from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.data.shards.writer import write_shard
from shelfnet.networks.retrieval import Retrieval
from shelfnet.steps import train_clip as step

SETTINGS = ClipSettings(
    source="trained", training=ClipTraining(iterations=2, batch_size=2, image_px=32, width=32, layers=1, embed_dim=16)
)


def write_captioned(path, captions: dict[str, list[str]]):
    """Write one image per caption."""
    unused = dict.fromkeys(("category", "super_category", "style", "theme", "material"))
    pose = {"azimuth_deg": 0.0, "elevation_deg": 0.0, "cam2world": [0.0] * 16, "fov_deg": 35.0}
    rows = (
        {"model_id": f"{split}{number}", "split": split, "view": 0, "caption": caption, "engine": "none", "seed": 0}
        | {"image": {"bytes": disc_png(5.0), "path": None}, **unused, **pose}
        for split, own in captions.items()
        for number, caption in enumerate(own)
    )
    write_shard(path, rows)
    return path


@pytest.fixture
def shards(tmp_path):
    """Captions: 70 of training, 6 of validation alone, and 11 of test, of which 9 are in no other split."""
    captions = {
        "train": [f"A chair {number}" for number in range(70)],
        "validation": [f"A table {number}" for number in range(6)],
        "test": ["A table 0", "A chair 0", *(f"A stool {number}" for number in range(9))],
    }
    return [write_captioned(tmp_path / "a.parquet", captions)]


def train(tmp_path, shards) -> dict:
    folder = tmp_path / "clip_model"
    step.train_clip(
        settings=SETTINGS, shards=shards, output=folder, device="cpu", threads=1, journal=tmp_path / "clip.jsonl"
    )
    return json.loads((folder / "model.json").read_text())


def test_retrieval_is_among_32_captions(tmp_path, shards):
    described = train(tmp_path, shards)
    assert described["retrieval_choices"] == 32
    (event,) = [
        event
        for line in (tmp_path / "clip.jsonl").read_text().splitlines()
        if (event := json.loads(line))["event"] == "metrics"
    ]
    assert event["values"]["retrieval_choices"] == 32
    assert event["values"]["retrieval_top1"] == described["retrieval_top1"]


def test_few_captions_limit_the_choices(tmp_path):
    captions = {"train": ["A", "B", "C"], "validation": ["C", "D"], "test": ["D", "E"]}
    assert train(tmp_path, [write_captioned(tmp_path / "a.parquet", captions)])["retrieval_choices"] == 5


def test_captions_of_the_test_split_precede_those_of_training(tmp_path, shards, monkeypatch):
    asked = []

    def measure(model, held_out, others, choices, generator):
        asked.append((set(held_out.captions), [set(captions) for captions in others], choices))
        return Retrieval(1.0, choices)

    monkeypatch.setattr(step, "measure_retrieval", measure)
    train(tmp_path, shards)
    (held_out, (unseen, seen), choices) = asked[0]
    assert held_out == {f"A table {number}" for number in range(6)} and choices == 32
    assert "A stool 3" in unseen and "A chair 3" not in unseen
    assert seen == {f"A chair {number}" for number in range(70)}


def test_retrieval_of_captions_that_training_has_not_seen(tmp_path):
    captions = {"train": ["A", "B", "C"], "validation": ["C", "D", "E"], "test": ["D", "F"]}
    new = train(tmp_path, [write_captioned(tmp_path / "a.parquet", captions)])["retrieval_new_captions"]
    assert new["choices"] == 6
    assert new["top1"] in (0.0, 0.5, 1.0), "two of the three images have a new caption"


def test_no_new_captions_and_no_tags(tmp_path):
    captions = {"train": ["A", "B", "C"], "validation": ["C"]}
    described = train(tmp_path, [write_captioned(tmp_path / "a.parquet", captions)])
    assert described["retrieval_new_captions"] is None and described["tags"] == {}


@pytest.mark.parametrize(("top1", "warned"), [(0.15, True), (0.16, False)])
def test_retrieval_below_five_times_chance_is_warned_of(tmp_path, shards, monkeypatch, caplog, top1, warned):
    monkeypatch.setattr(step, "measure_retrieval", lambda *_: Retrieval(top1, 32))
    with caplog.at_level(logging.WARNING):
        train(tmp_path, shards)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == warned
    for part in ("0.150 among 32", "4.8 times chance", "at least 5 times", "clip.training.iterations"):
        assert not warned or part in warnings[0]


def test_missing_cuda_is_an_error(tmp_path, shards, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="cuda is asked for"):
        step.train_clip(
            settings=SETTINGS, shards=shards, output=tmp_path, device="cuda", threads=1, journal=tmp_path / "a.jsonl"
        )


def test_benchmark_measures_like_the_step(tmp_path, shards, monkeypatch, capsys):
    """The command that compares CLIP models gives the numbers in ``model.json`` for the small one."""
    described = train(tmp_path / "results", shards)
    renders = tmp_path / "results" / "renders"
    renders.mkdir()
    shards[0].rename(renders / "shard-0000.parquet")
    monkeypatch.setattr(sys, "argv", ["clip.py", str(tmp_path / "results")])
    runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "clip.py"), run_name="__main__")
    measured = json.loads(capsys.readouterr().out)["trained"]
    assert measured["retrieval_top1"] == described["retrieval_top1"]
    assert measured["retrieval_new_captions"] == described["retrieval_new_captions"]
    assert measured["tags"] == described["tags"]
