"""A small, complete tree of results with invented numbers, as the stages leave it for the report."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import trimesh
from PIL import Image
from run_descriptions import write_run_description

from shelfnet.config.load import UNTRAINED, merge
from shelfnet.config.schema import Config
from shelfnet.data.predictions import Prediction, mesh_name, write_predictions
from shelfnet.data.shards.writer import write_shard
from shelfnet.evaluation.comparison import comparison_table
from shelfnet.evaluation.results import COLUMNS, write_results, write_table
from shelfnet.steps.write_report import write_report

CATEGORIES = ("Dining Chair", "Barstool", "Lounge Chair / Cafe Chair / Office Chair")
STYLES, MATERIALS = ("Modern", "Nordic"), ("Wood", "Cloth", "Metal")
SPLITS = {"train": 0.5, "validation": 0.7, "test": 1.0}
VIEWS_PER_MODEL = 3
SHARDS = 2
BASELINE_LEVELS = {"sphere": 0.116, "random_train": 0.075, "mean_shape": 0.062}


def make_chair(generator: np.random.Generator) -> trimesh.Trimesh:
    """A chair of boxes with random sizes, in metres, base at y = 0."""
    width, depth, seat, back = generator.uniform([0.4, 0.4, 0.35, 0.3], [0.6, 0.6, 0.55, 0.6])
    boxes = [([width, 0.05, depth], [0, seat, 0]), ([width, back, 0.05], [0, seat + back / 2, -depth / 2])]
    boxes += [
        ([0.05, seat, 0.05], [x * (width / 2 - 0.03), seat / 2, z * (depth / 2 - 0.03)])
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    parts = [trimesh.creation.box(extents).apply_translation(centre) for extents, centre in boxes]
    return trimesh.util.concatenate(parts)


def write_report_tree(
    results: Path, ablations: tuple[str, ...], seeds: tuple[int, ...] = (0, 1), n_models: int = 12, noise: float = 0.01
) -> dict[str, Path]:
    """Write the tree and return ``chamfer.csv`` by ablation; ``untrained`` has the first seed alone."""
    generator = np.random.default_rng(0)
    models = [_write_model(results, rank, n_models, generator) for rank in range(n_models)]
    _write_catalogue(results, models)
    _write_renders(results, models, generator)
    tables = {}
    for rank, ablation in enumerate(ablations):
        own = seeds[:1] if ablation == UNTRAINED else seeds
        rows = [_write_run(results, ablation, seed, 0.05 + 0.012 * rank, models, noise, generator) for seed in own]
        tables[ablation] = results / ablation / "chamfer.csv"
        write_results(pd.concat(rows, ignore_index=True), tables[ablation])
    _write_baselines(results, models, generator)
    frames = {name: pd.read_csv(path) for name, path in tables.items()}
    comparison = comparison_table(frames, pd.read_csv(results / "baselines" / "chamfer.csv"), 200, 0)
    write_table(comparison, results / "comparison.csv")
    _write_memory(results)
    (results / "benchmarks" / "train").mkdir(parents=True)
    benchmark = "s\th:m:s\tmax_rss\n75.0\t0:01:15\t812.5\n"
    (results / "benchmarks" / "train" / "base-seed0.tsv").write_text(benchmark)
    return tables


def tree_config(*ablations: str, **sections: dict) -> Config:
    """The settings that such a tree was made with, and ``sections`` over them."""
    named = {name: {} for name in ablations if name != UNTRAINED}
    made_with = {
        "render": {"shards": SHARDS},
        "clip": {"source": "pretrained"},
        "perceptual": {"weights": "imagenet"},
        "reconstruct": {"views_per_model": 2},
        "ablations": named,
    }
    return Config.model_validate(merge(made_with, sections))


def write_report_of(results: Path, tables: dict[str, Path], config: Config) -> Path:
    """Write the report of such a tree and return its path."""
    report = results / "report.html"
    write_report(
        config=config,
        results=results,
        comparison=results / "comparison.csv",
        figures=results / "figures",
        tables=tables,
        output=report,
        journal=results / "journal" / "write_report.jsonl",
    )
    return report


def _write_model(results: Path, rank: int, n_models: int, generator: np.random.Generator) -> dict:
    model_id = f"model-{rank:03d}"
    folder = results / "dataset" / "data" / "3D-FUTURE-model" / model_id
    folder.mkdir(parents=True)
    chair = make_chair(generator)
    chair.export(folder / "raw_model.obj")
    split = next(name for name, end in SPLITS.items() if rank < end * n_models)
    category, style, material = (names[rank % len(names)] for names in (CATEGORIES, STYLES, MATERIALS))
    return {
        "model_id": model_id,
        "split": split,
        "shard": rank % SHARDS,
        "super_category": "Chair",
        "category": category,
        "style": style,
        "theme": None,
        "material": material,
        "caption": f"A {style} {category} made out of {material}",
        "obj_path": f"3D-FUTURE-model/{model_id}/raw_model.obj",
        "n_vertices": len(chair.vertices),
        "n_faces": len(chair.faces),
        "longest_side_m": float(chair.extents.max()),
        "textured": True,
    }


def _write_catalogue(results: Path, models: list[dict]) -> None:
    manifest = {"kind": "showroom", "root": "data", "digest": "abc123", "models": len(models) + 1}
    (results / "dataset" / "manifest.json").write_text(json.dumps(manifest))
    (results / "catalogue").mkdir()
    pd.DataFrame(models).to_parquet(results / "catalogue" / "models.parquet")
    lines = [
        "model_id,stage,reason,path",
        "bad-1,catalogue,raw_model.obj: line 3: <b>no number</b>,bad-1/raw_model.obj",
    ]
    (results / "catalogue" / "quarantine.csv").write_text("\n".join(lines) + "\n")


def _write_renders(results: Path, models: list[dict], generator: np.random.Generator) -> None:
    tags = ("model_id", "split", "caption", "category", "super_category", "style", "theme", "material")
    for shard in range(SHARDS):
        rows = [
            {name: model[name] for name in tags}
            | {
                "view": view,
                "image": {"bytes": _png(generator), "path": f"{model['model_id']}_{view:03d}.png"},
                "azimuth_deg": float(view * 100.0 - 120.0),
                "elevation_deg": 10.0 + view,
                "cam2world": np.eye(4, dtype=np.float32).ravel().tolist(),
                "fov_deg": 35.0,
                "engine": "pyrender",
                "seed": 0,
            }
            for model in models
            if model["shard"] == shard
            for view in range(VIEWS_PER_MODEL)
        ]
        write_shard(results / "renders" / f"shard-{shard:04d}.parquet", rows)


def _png(generator: np.random.Generator) -> bytes:
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[6:28, 8:24] = [*generator.integers(60, 200, 3), 255]
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "png")
    return stream.getvalue()


def _write_run(
    results: Path, ablation: str, seed: int, level: float, models: list[dict], noise: float, generator
) -> pd.DataFrame:
    folder = results / ablation / f"seed{seed}"
    folder.mkdir(parents=True)
    _write_metrics(folder, level, generator)
    sizes = {"train": {"coarse_iterations": 300, "coarse_px": 32}, "model": {"renderer": {"resolution_px": 64}}}
    write_run_description(folder, ablation=ablation, seed=seed, **sizes)
    rows = []
    for stage in ("coarse", "refined"):
        part = folder / stage / "part-0"
        part.mkdir(parents=True)
        predicted = [
            _write_prediction(part, stage, model, view, noise, generator)
            for model in models
            if model["split"] != "train"
            for view in range(2)
        ]
        write_predictions(part, predicted)
        tested = [row for row in predicted if row.split == "test"]
        gain = 0.004 if stage == "refined" else 0.0
        rows += [_score(ablation, seed, row, models, level - gain, generator) for row in tested]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _write_metrics(folder: Path, level: float, generator: np.random.Generator) -> None:
    rows = []
    signs = {"discriminator_accuracy": 0.7, "mask_coverage": 0.2, "latent_deviation": 0.5}
    signs |= {"azimuth_spread": 0.8, "azimuth_spread_prior": 1.0}
    for iteration in range(0, 501, 20):
        decay = np.exp(-iteration / 150)
        rows += [(iteration, f"loss/{name}", s * (0.3 + decay) * generator.uniform(0.9, 1.1)) for name, s in _LOSSES]
        rows += [(iteration, f"health/{name}", value) for name, value in signs.items()]
        if iteration % 100 == 0:
            rows.append((iteration, "validation/chamfer", level + 0.06 * decay + generator.normal(0, 0.002)))
    pd.DataFrame(rows, columns=["iteration", "name", "value"]).to_parquet(folder / "metrics.parquet")


_LOSSES = (
    ("total", 60.0),
    ("mask", 0.5),
    ("rgb", 0.2),
    ("content_view", 0.4),
    ("adversarial", 1.0),
    ("discriminator", 1.2),
)


def _write_prediction(
    part: Path, stage: str, model: dict, view: int, noise: float, generator: np.random.Generator
) -> Prediction:
    empty = stage == "coarse" and model["model_id"].endswith("11") and view == 1
    name = mesh_name(model["model_id"], view)
    if not empty:
        root = part.parents[3] / "dataset" / "data"
        mesh = trimesh.load_mesh(root / model["obj_path"], process=False).subdivide()
        low, high = mesh.bounds
        vertices = (mesh.vertices - (low + high) / 2) / (high - low).max()
        # The learned frame lies 40 degrees beside the object frame.
        vertices = vertices @ trimesh.transformations.rotation_matrix(np.radians(-40.0), [0, 1, 0])[:3, :3].T
        vertices = vertices + generator.normal(0, noise, vertices.shape)
        colours = np.clip(120 + 200 * vertices, 0, 255).astype(np.uint8)
        trimesh.Trimesh(vertices, mesh.faces, vertex_colors=colours, process=False).export(part / name)
    return Prediction(
        model_id=model["model_id"],
        split=model["split"],
        view=view,
        stage=stage,
        status="empty" if empty else "ok",
        mesh=None if empty else name,
        azimuth_deg=float(view * 100.0 - 120.0 - 40.0 + generator.normal(0, 12)),
        elevation_deg=float(12.0 + generator.normal(0, 4)),
        n_vertices=0,
        n_faces=0,
        mask_iou=0.8,
        seconds=0.1,
    )


def _score(ablation: str, seed: int, row: Prediction, models: list[dict], level: float, generator) -> dict:
    category = next(model["category"] for model in models if model["model_id"] == row.model_id)
    return dict.fromkeys(COLUMNS, 0.5) | {
        "ablation": ablation,
        "seed": seed,
        "model_id": row.model_id,
        "view": row.view,
        "stage": row.stage,
        "status": row.status,
        "chamfer": level + abs(generator.normal(0, 0.01)),
        "azimuth_error_deg": abs(generator.normal(0, 12)),
        "components": int(generator.integers(1, 9)),
        "floater_fraction": float(generator.uniform(0, 0.3)),
        "category": category,
        "n_points": 10_000,
        "normalisation": "bounding box centred, true longest side 1",
        "alignment": "y-rotation 40.0 deg (validation)",
        "alignment_deg": 40.0,
        "has_truth": True,
    }


def _write_baselines(results: Path, models: list[dict], generator: np.random.Generator) -> None:
    rows = []
    for name, level in BASELINE_LEVELS.items():
        for model in models:
            if model["split"] == "test":
                row = Prediction(model["model_id"], "test", 0, "coarse", "ok", "a.glb", 0.0, 0.0, 0, 0, 0.5, 0.0)
                rows.append(
                    _score(name, 0, row, models, level, generator) | {"alignment": "none", "alignment_deg": np.nan}
                )
    write_results(pd.DataFrame(rows, columns=list(COLUMNS)), results / "baselines" / "chamfer.csv")
    levels = {
        "ablation": list(BASELINE_LEVELS),
        "n_views": 6,
        "n_points": 2048,
        "chamfer": list(BASELINE_LEVELS.values()),
    }
    write_table(pd.DataFrame(levels).assign(n_views=6, n_points=2048), results / "baselines" / "validation.csv")


def _write_memory(results: Path) -> None:
    rows = [
        {
            "representation": name,
            "resolution": n,
            "channels": 2,
            "field_bytes": 68 * n**power,
            "decode_saved_bytes": 400 * n**power,
            "saved_bytes": 400 * n**power + 2_000_000,
            "decode_seconds": 3e-6 * n**power,
            "seconds": 0.02 + 3e-6 * n**power,
        }
        for name, power in (("voxel", 3), ("triplane", 2))
        for n in (8, 16, 32, 64)
    ]
    write_table(pd.DataFrame(rows), results / "figures" / "memory_scaling.csv")
