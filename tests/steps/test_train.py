"""The training steps: honest, resumable, and complete in what they publish."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from photographed import RENDER, disc_png
from safetensors.numpy import load_file

from shelfnet.config.load import for_ablation, validate
from shelfnet.config.stage_inputs import train_inputs
from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.data.shards.writer import write_shard
from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.dependencies import code_digest
from shelfnet.geometry.meshes import Mesh
from shelfnet.steps import train as steps_train
from shelfnet.steps.train import Run, train
from shelfnet.steps.train_clip import train_clip

CLIP = {"iterations": 2, "batch_size": 2, "image_px": 32, "width": 32, "layers": 1, "embed_dim": 16}
TREE = validate(
    {
        "render": RENDER.model_dump(mode="json"),
        "clip": {"source": "trained", "training": CLIP},
        "perceptual": {"weights": "untrained"},
        "model": {
            "encoder": {"input_px": 32, "blocks": [1], "widths": [8], "latent_dim": 8, "camera_hypotheses": 2},
            "decoder": {
                "base_channels": 8,
                "feature_channels": 4,
                "feature_resolution": 8,
                "occupancy_resolution": 16,
                "symmetry": "field",
            },
            "renderer": {
                "resolution_px": 16,
                "samples_per_ray": 8,
                "feature_samples_per_ray": None,
                "colour_hidden": 8,
            },
            "discriminator": {"base_channels": 8, "max_channels": 16},
        },
        "losses": {"mask": 50.0, "perceptual": 1.0, "content": 100.0, "content_latent": 1.0, "adversarial": 1.0},
        "train": {
            "iterations": 3,
            "coarse_iterations": 0,
            "batch_size": 2,
            "device": "cpu",
            "log_every": 1,
            "validate_every": 3,
            "checkpoint_every": 1,
            "ema_decay": 0.5,
        },
        "ablations": {"base": {}, "clip_bg": {"losses": {"clip": 1.0}, "clip": {"backgrounds": ["noise", "checker"]}}},
    }
)
CONFIG = train_inputs(TREE)
SPLITS = {"a0": "train", "a1": "train", "v0": "validation", "v1": "validation"}
BOX = Mesh(
    np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
)


def write_images(path, training_azimuth_deg):
    rows = []
    for number, (model_id, split) in enumerate(SPLITS.items()):
        for view in range(3):
            azimuth = training_azimuth_deg if split == "train" else 20.0 * view
            rows.append(
                {
                    "model_id": model_id,
                    "split": split,
                    "view": view,
                    "image": {"bytes": disc_png(5.0 + number + view), "path": None},
                    "caption": f"A Chair {number}",
                    **dict.fromkeys(("category", "super_category", "style", "theme", "material")),
                    "azimuth_deg": azimuth,
                    "elevation_deg": azimuth / 10,
                    "cam2world": [azimuth] * 16,
                    "fov_deg": 35.0,
                    "engine": "none",
                    "seed": 0,
                }
            )
    write_shard(path, rows)
    return path


@pytest.fixture
def inputs(tmp_path):
    """Images and surfaces of two training and two validation models."""
    surfaces = tmp_path / "surfaces.parquet"
    write_surfaces(surfaces, [(name, measure_surface(BOX, name, split, 256, 0)) for name, split in SPLITS.items()])
    return {"shards": [write_images(tmp_path / "shard.parquet", 10.0)], "surfaces": [surfaces]}


def run(folder, inputs, config=CONFIG, clip=None, ablation="base"):
    train(
        Run(
            ablation=ablation,
            seed=1,
            level=0.05,
            **{"config": config, **inputs},
            clip=clip,
            output=folder,
            threads=1,
            journal=folder / "journal.jsonl",
        )
    )
    return load_file(folder / "model.safetensors")


def test_a_run_publishes_all_that_it_promises(tmp_path, inputs):
    run(tmp_path / "run", inputs)
    description = json.loads((tmp_path / "run/model.json").read_text())
    assert description["iterations"] == 3 and description["perceptual_features"] == "untrained"
    assert description["code_version"] and len(description["dataset_digest"]) == 64
    # Discs of radius 5 to 8 in images of 32 pixels: as wide as the training ones are in the median.
    assert description["object_share"] == pytest.approx(2 * 6.5 / 32, abs=1.0 / 32)
    metrics = pd.read_parquet(tmp_path / "run/metrics.parquet")
    assert set(metrics[metrics.name == "validation/chamfer"].iteration) == {3}
    assert np.isfinite(metrics.value).all() and {"loss/mask", "speed/iterations_per_s"} <= set(metrics.name)
    assert (tmp_path / "run/samples.png").stat().st_size > 0
    assert not (tmp_path / "run/resume").exists()
    events = [json.loads(line) for line in (tmp_path / "run/journal.jsonl").read_text().splitlines()]
    assert {event["run"] for event in events} == {"base/seed1"}
    assert {event["event"] for event in events} == {"params", "tags", "metrics", "artifact", "image"}


class InterruptionError(Exception):
    """What ends a run before its last iteration."""


def interrupt(monkeypatch, at):
    """Let the next run die after it has kept its progress at an iteration."""
    keep = steps_train.save_progress

    def keep_and_die(folder, learner, signature):
        keep(folder, learner, signature)
        if learner.iteration == at:
            raise InterruptionError

    monkeypatch.setattr(steps_train, "save_progress", keep_and_die)


def start_again(tmp_path, inputs, monkeypatch, caplog, **changes):
    """Interrupt a run after 2 of 3 iterations and start it again with something changed.

    Returns:
        From which iteration it went on, and what was warned of.
    """
    with monkeypatch.context() as patched:
        interrupt(patched, at=2)
        with pytest.raises(InterruptionError):
            run(tmp_path / "run", inputs)
    caplog.clear()
    with caplog.at_level("INFO"):
        run(tmp_path / "run", inputs | changes)
    (start,) = (record.args[-1] for record in caplog.records if "from iteration" in record.msg)
    return start, [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_an_interrupted_run_goes_on_whatever_was_committed_or_noted_elsewhere(tmp_path, inputs, monkeypatch, caplog):
    versions = iter(range(100))
    monkeypatch.setattr(steps_train, "code_version", lambda: f"1.0-{next(versions)}+dirty")
    assert start_again(tmp_path, inputs, monkeypatch, caplog) == (2, [])


def test_an_interrupted_run_of_edited_modules_starts_anew_and_says_so(tmp_path, inputs, monkeypatch, caplog):
    sources = iter(["before", "after"])
    monkeypatch.setattr(steps_train, "code_digest", lambda module: f"{module} {next(sources)}")
    start, (warning,) = start_again(tmp_path, inputs, monkeypatch, caplog)
    assert start == 0
    assert warning.endswith("resume: training starts anew, for its 2 iterations were made with other code")


def test_an_interrupted_run_of_other_images_and_settings_starts_anew_and_says_so(tmp_path, inputs, monkeypatch, caplog):
    settings = CONFIG.train.model_copy(update={"learning_rate": 3e-4})
    changes = {
        "shards": [write_images(tmp_path / "others.parquet", -50.0)],
        "config": CONFIG.model_copy(update={"train": settings}),
    }
    start, (warning,) = start_again(tmp_path, inputs, monkeypatch, caplog, **changes)
    assert start == 0 and warning.endswith("with other settings, data")


def test_the_signature_knows_code_settings_seed_images_and_the_weights_of_clip(tmp_path, inputs):
    clip = tmp_path / "clip"
    clip.mkdir()
    (clip / "model.safetensors").write_bytes(b"some")
    first = Run(CONFIG, 0.05, "base", 0, **inputs, clip=clip, output=tmp_path, threads=1, journal=tmp_path / "journal")
    assert first.signature == replace(first).signature
    assert first.signature.code == code_digest("steps.train")
    assert differing(first, replace(first, seed=1)) == {"settings"}
    (clip / "model.safetensors").write_bytes(b"others")
    assert differing(first, replace(first)) == {"data"}


def differing(first, second):
    one, two = asdict(first.signature), asdict(second.signature)
    return {name for name in one if one[name] != two[name]}


def test_validation_and_samples_have_the_share_of_the_latent_that_training_has(tmp_path, inputs, monkeypatch):
    measured, shown, grid = [], [], steps_train.save_sample_grid

    def measure(model, latent_share):
        measured.append(latent_share)
        return {"chamfer": 0.1}

    def show(model, batch, latent_share, *others):
        shown.append(latent_share)
        grid(model, batch, latent_share, *others)

    monkeypatch.setattr(steps_train, "build_validator", lambda *_: measure)
    monkeypatch.setattr(steps_train, "save_sample_grid", show)
    ramp = {"shared_shape_iterations": 1, "latent_ramp_iterations": 2, "validate_every": 1}
    run(tmp_path / "run", inputs, CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update=ramp)}))
    assert measured == shown == [0.0, 0.5, 1.0]


def test_training_cannot_see_poses(tmp_path, inputs):
    """The honesty rule: with every pose of the training split changed, the weights are the same to the bit."""
    honest = run(tmp_path / "one", inputs)
    inputs["shards"] = [write_images(tmp_path / "turned.parquet", -130.0)]
    turned = run(tmp_path / "two", inputs)
    assert all(np.array_equal(value, turned[name]) for name, value in honest.items())


def test_training_with_clip_learns_from_the_caption(tmp_path, inputs):
    settings = ClipSettings(source="trained", training=ClipTraining(**CLIP))
    folder = tmp_path / "clip"
    train_clip(
        settings=settings,
        shards=inputs["shards"],
        output=folder,
        device="cpu",
        threads=1,
        journal=tmp_path / "clip.jsonl",
    )
    description = json.loads((folder / "model.json").read_text())
    assert 0.0 <= description["retrieval_top1"] <= 1.0 and description["retrieval_choices"] == 4
    config = train_inputs(for_ablation(TREE, "clip_bg"))
    with_clip = run(tmp_path / "with", inputs, config, folder, "clip_bg")
    metrics = pd.read_parquet(tmp_path / "with/metrics.parquet")
    assert (metrics[metrics.name == "loss/clip"].value.between(0, 2)).all()
    without = run(tmp_path / "without", inputs)
    assert any(not np.array_equal(value, with_clip[name]) for name, value in without.items())


def test_an_ablation_with_clip_and_no_clip_says_what_is_missing(tmp_path, inputs):
    with pytest.raises(FileNotFoundError, match="train_clip"):
        run(tmp_path / "run", inputs, train_inputs(for_ablation(TREE, "clip_bg")), None)


def test_untrained_is_measured_and_published_too(tmp_path, inputs):
    run(tmp_path / "run", inputs, train_inputs(for_ablation(TREE, "untrained")), ablation="untrained")
    assert json.loads((tmp_path / "run/model.json").read_text())["iterations"] == 0
    assert (tmp_path / "run/samples.png").exists() and (tmp_path / "run/metrics.parquet").exists()


def test_without_true_surfaces_only_masks_are_validated(tmp_path, inputs):
    run(tmp_path / "run", inputs | {"surfaces": []})
    metrics = pd.read_parquet(tmp_path / "run/metrics.parquet")
    validated = {name for name in metrics.name if name.startswith("validation/")}
    assert validated == {"validation/mask_iou", "validation/occupied_fraction", "validation/empty_fraction"}
    assert np.isfinite(metrics.value).all()
