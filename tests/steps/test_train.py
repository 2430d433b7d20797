"""The training step: what it publishes, how it resumes, and that training sees no poses."""

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from photographed import RENDER, disc_png
from safetensors.numpy import load_file
from safetensors.torch import save_file

from shelfnet.config.load import for_ablation, validate
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.stage_inputs import train_inputs
from shelfnet.config.supervision import ClipSettings, ClipTraining
from shelfnet.data.shards.reader import load_training_views
from shelfnet.data.shards.writer import write_shard
from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.dependencies import code_digest
from shelfnet.geometry.meshes import Mesh
from shelfnet.networks.checkpoint import CheckpointError, read_run_description
from shelfnet.networks.clip import load_clip
from shelfnet.steps import train as steps_train
from shelfnet.steps.train import TrainJob, train
from shelfnet.steps.train_clip import train_clip
from shelfnet.training.clip_training import measure_retrieval
from shelfnet.training.state import build_model

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
                "blended_shapes": 0,
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
SETTINGS = train_inputs(TREE)
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


RECONSTRUCT, REFINE = ReconstructSettings(level=0.05), RefineSettings(iterations=7)


def job(folder, inputs, settings=SETTINGS, clip=None, ablation="base", discovery=None, warm_start=None):
    return TrainJob(
        settings=settings,
        reconstruct=RECONSTRUCT,
        refine=REFINE,
        ablation=ablation,
        seed=1,
        **inputs,
        clip=clip,
        discovery=discovery,
        warm_start=warm_start,
        output=folder,
        threads=1,
        journal=folder / "journal.jsonl",
    )


def run(folder, inputs, settings=SETTINGS, clip=None, ablation="base"):
    """Train and return the published weights."""
    train(job(folder, inputs, settings, clip, ablation))
    return load_file(folder / "model.safetensors")


def with_train(**changes):
    """The settings with other training settings."""
    return SETTINGS.model_copy(update={"train": SETTINGS.train.model_copy(update=changes)})


def test_run_publishes_model_metrics_samples_and_events(tmp_path, inputs):
    run(tmp_path / "run", inputs)
    metrics = pd.read_parquet(tmp_path / "run/metrics.parquet")
    assert set(metrics[metrics.name == "validation/chamfer"].iteration) == {3}
    assert np.isfinite(metrics.value).all() and {"loss/mask", "speed/iterations_per_s"} <= set(metrics.name)
    assert (tmp_path / "run/samples.png").stat().st_size > 0
    assert not (tmp_path / "run/resume").exists()
    events = [json.loads(line) for line in (tmp_path / "run/journal.jsonl").read_text().splitlines()]
    assert {event["run"] for event in events} == {"base/seed1"}
    kinds = {"params", "tags", "metrics", "artifact", "dataset", "image", "model"}
    assert {event["event"] for event in events} == kinds


def test_description_holds_the_settings_of_the_run(tmp_path, inputs):
    run(tmp_path / "run", inputs)
    found = read_run_description(tmp_path / "run")
    assert (found.ablation, found.seed, found.iterations) == ("base", 1, 3)
    assert (found.perceptual_features, found.clip_weights) == ("untrained", "unused")
    assert found.code_version and len(found.dataset_digest) == 64
    # Discs of radius 5 to 8 in images of 32 pixels; the object share is the median of the training images.
    assert found.object_share == pytest.approx(2 * 6.5 / 32, abs=1.0 / 32)
    sections = (found.model, found.render, found.losses, found.train, found.reconstruct, found.refine)
    assert sections == (SETTINGS.model, SETTINGS.render, SETTINGS.losses, SETTINGS.train, RECONSTRUCT, REFINE)
    assert found.validation_level == RECONSTRUCT.level


@pytest.mark.parametrize(("others", "trains_again"), [({}, False), ({"seed": 2}, True)], ids=["same", "other seed"])
def test_result_of_a_training_that_was_waited_for_is_kept(tmp_path, inputs, monkeypatch, others, trains_again):
    """A killed workflow leaves a training behind, which finishes while the next workflow's training waits."""

    @contextmanager
    def wait_for_the_other(folder):
        yield True

    run(tmp_path / "run", inputs)
    before = (tmp_path / "run/model.json").read_bytes()
    monkeypatch.setattr(steps_train, "hold_run_folder", wait_for_the_other)
    train(replace(job(tmp_path / "run", inputs), **others))
    assert ((tmp_path / "run/model.json").read_bytes() != before) is trains_again


class InterruptionError(Exception):
    """Ends a run before its last iteration."""


def interrupt(monkeypatch, at):
    """Make the next run die after it has saved its progress at an iteration."""
    save = steps_train.save_progress

    def save_and_die(folder, state, signature):
        save(folder, state, signature)
        if state.iteration == at:
            raise InterruptionError

    monkeypatch.setattr(steps_train, "save_progress", save_and_die)


def restart(tmp_path, inputs, monkeypatch, caplog, settings=SETTINGS, **changes):
    """Interrupt a run after 2 of 3 iterations and start it again with changes.

    Returns:
        Iteration at which it continues, and warnings.
    """
    with monkeypatch.context() as patched:
        interrupt(patched, at=2)
        with pytest.raises(InterruptionError):
            run(tmp_path / "run", inputs)
    caplog.clear()
    with caplog.at_level("INFO"):
        run(tmp_path / "run", inputs | changes, settings)
    (start,) = (record.args[-1] for record in caplog.records if "from iteration" in record.msg)
    return start, [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_run_resumes_at_another_code_version(tmp_path, inputs, monkeypatch, caplog):
    versions = iter(range(100))
    monkeypatch.setattr(steps_train, "code_version", lambda: f"1.0-{next(versions)}+dirty")
    assert restart(tmp_path, inputs, monkeypatch, caplog) == (2, [])


def test_run_with_edited_modules_starts_anew(tmp_path, inputs, monkeypatch, caplog):
    sources = iter(["before", "after"])
    monkeypatch.setattr(steps_train, "code_digest", lambda module: f"{module} {next(sources)}")
    start, (warning,) = restart(tmp_path, inputs, monkeypatch, caplog)
    assert start == 0
    assert str(tmp_path / "run/resume") in warning and warning.endswith(" code")


def test_run_with_other_images_and_settings_starts_anew(tmp_path, inputs, monkeypatch, caplog):
    shards = [write_images(tmp_path / "others.parquet", -50.0)]
    settings = with_train(learning_rate=3e-4)
    start, (warning,) = restart(tmp_path, inputs, monkeypatch, caplog, settings, shards=shards)
    assert start == 0 and warning.endswith(" settings, data")


def test_signature_depends_on_code_settings_seed_images_and_clip_weights(tmp_path, inputs):
    clip = tmp_path / "clip"
    clip.mkdir()
    (clip / "model.safetensors").write_bytes(b"some")
    first = job(tmp_path, inputs, clip=clip)
    assert first.signature == replace(first).signature
    assert first.signature.code == code_digest("steps.train")
    assert differing(first, replace(first, seed=2)) == {"settings"}
    assert differing(first, replace(first, settings=with_train(learning_rate=3e-4))) == {"settings"}
    other_shards = [write_images(tmp_path / "others.parquet", -50.0)]
    assert differing(first, replace(first, shards=other_shards)) == {"data"}
    (clip / "model.safetensors").write_bytes(b"others")
    assert differing(first, replace(first)) == {"data"}


def test_signature_does_not_depend_on_mesh_settings(tmp_path, inputs):
    first = job(tmp_path, inputs)
    meshes = {"reconstruct": ReconstructSettings(level=0.2), "refine": RefineSettings(iterations=9)}
    assert differing(first, replace(first, **meshes)) == set()


def differing(first, second):
    one, two = asdict(first.signature), asdict(second.signature)
    return {name for name in one if one[name] != two[name]}


def test_validation_and_samples_have_the_latent_scale_of_training(tmp_path, inputs, monkeypatch):
    measured, shown, grid = [], [], steps_train.save_sample_grid

    def measure(model, latent_scale):
        measured.append(latent_scale)
        return {"chamfer": 0.1}

    def show(model, batch, latent_scale, *others):
        shown.append(latent_scale)
        grid(model, batch, latent_scale, *others)

    monkeypatch.setattr(steps_train, "build_validator", lambda *_: measure)
    monkeypatch.setattr(steps_train, "save_sample_grid", show)
    ramp = {"shared_shape_iterations": 1, "latent_ramp_iterations": 2, "validate_every": 1}
    run(tmp_path / "run", inputs, with_train(**ramp))
    assert measured == shown == [0.0, 0.5, 1.0]


def test_training_cannot_see_poses(tmp_path, inputs):
    """With every pose of the training split changed, the weights are bitwise the same."""
    honest = run(tmp_path / "one", inputs)
    inputs["shards"] = [write_images(tmp_path / "turned.parquet", -130.0)]
    turned = run(tmp_path / "two", inputs)
    assert all(np.array_equal(value, turned[name]) for name, value in honest.items())


def test_training_with_clip_uses_its_weights(tmp_path, inputs):
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
    held_out, others = (load_training_views(inputs["shards"], split) for split in ("validation", "train"))
    found = measure_retrieval(load_clip(settings, folder), held_out, [others.captions], 4, torch.Generator())
    assert (description["retrieval_top1"], description["retrieval_choices"]) == (found.top1, 4)
    with_clip = run(tmp_path / "with", inputs, train_inputs(for_ablation(TREE, "clip_bg")), folder, "clip_bg")
    metrics = pd.read_parquet(tmp_path / "with/metrics.parquet")
    values = metrics[metrics.name == "loss/clip"].value
    assert len(values) == 3 and values.between(0, 2).all()
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in read_run_description(tmp_path / "with").clip_weights
    without = run(tmp_path / "without", inputs)
    assert any(not np.array_equal(value, with_clip[name]) for name, value in without.items())


def test_clip_loss_without_its_model_names_the_rule(tmp_path, inputs):
    with pytest.raises(FileNotFoundError, match="train_clip"):
        run(tmp_path / "run", inputs, train_inputs(for_ablation(TREE, "clip_bg")), None)


def test_untrained_network_is_validated_and_published(tmp_path, inputs):
    run(tmp_path / "run", inputs, train_inputs(for_ablation(TREE, "untrained")), ablation="untrained")
    assert read_run_description(tmp_path / "run").iterations == 0
    metrics = pd.read_parquet(tmp_path / "run/metrics.parquet")
    assert set(metrics.iteration) == {0} and "validation/chamfer" in set(metrics.name)
    assert (tmp_path / "run/samples.png").exists()


def test_training_starts_from_the_warm_start(tmp_path, inputs):
    """Without a learning rate, both the network and its average stay where they started."""
    settings = with_train(learning_rate=1e-30)
    weights = {
        name: value + 0.01 for name, value in build_model(SETTINGS.model, SETTINGS.render, 7).state_dict().items()
    }
    save_file(weights, tmp_path / "warm.safetensors")
    train(job(tmp_path / "run", inputs, settings, warm_start=tmp_path / "warm.safetensors"))
    found = load_file(tmp_path / "run/model.safetensors")
    assert all(np.allclose(found[name], value, atol=1e-6) for name, value in weights.items())


def test_damaged_warm_start_is_named(tmp_path, inputs):
    (tmp_path / "warm.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"warm\.safetensors"):
        train(job(tmp_path / "run", inputs, warm_start=tmp_path / "warm.safetensors"))


def test_other_warm_start_is_other_data(tmp_path, inputs):
    start = tmp_path / "warm.safetensors"
    start.write_bytes(b"some")
    first = job(tmp_path, inputs, warm_start=start)
    assert first.signature == replace(first).signature
    start.write_bytes(b"others")
    assert differing(first, replace(first)) == {"data"}


def test_without_true_surfaces_only_masks_are_validated(tmp_path, inputs):
    run(tmp_path / "run", inputs | {"surfaces": []})
    metrics = pd.read_parquet(tmp_path / "run/metrics.parquet")
    validated = {name for name in metrics.name if name.startswith("validation/")}
    assert validated == {"validation/mask_iou", "validation/occupied_fraction", "validation/empty_fraction"}
    assert np.isfinite(metrics.value).all()
