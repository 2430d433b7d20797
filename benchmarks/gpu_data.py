"""Renders and packs the images of the training of ``benchmarks/gpu.py``: generated furniture at 224 pixels.

    python benchmarks/gpu_data.py build/gpu_data                     # 40 MB; some ten minutes on one core
    python benchmarks/gpu_data.py build/gpu_data --results results   # the renders of a finished run instead

The folder receives ``shard.parquet``, images of the training and the validation split in the usual columns, and
``surfaces.parquet``, the true surfaces of the validation split. Images are taken evenly from all models until the shard
has its size. Rendering needs Blender's module; what reads the folder does not.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from gpu_steps.task import SHARD, SURFACES  # noqa: E402

from shelfnet.config.load import load_config, merge, validate  # noqa: E402
from shelfnet.config.schema import Config  # noqa: E402
from shelfnet.data.shards.schema import SCHEMA  # noqa: E402
from shelfnet.data.shards.writer import write_shard  # noqa: E402
from shelfnet.data.surfaces import load_surfaces, write_surfaces  # noqa: E402
from shelfnet.steps.build_catalogue import build_catalogue  # noqa: E402
from shelfnet.steps.render_views import render_views  # noqa: E402
from shelfnet.steps.sample_surfaces import sample_surfaces  # noqa: E402
from shelfnet.steps.stage_dataset import stage_dataset  # noqa: E402

VALIDATION_IMAGES = 64
SPLITS = ("train", "validation")
RENDERS, SURFACE_FILES = "renders/shard-*.parquet", "surfaces/shard-*.parquet"

log = logging.getLogger("gpu_data")


def main() -> None:
    """Render unless there are renders, then pack."""
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.results is not None:
        pack(options.results, options.output, options.megabytes)
        return
    with tempfile.TemporaryDirectory(prefix="shelfnet-gpu-data-") as folder:
        render(read_config(options), Path(folder))
        pack(Path(folder), options.output, options.megabytes)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of the packed data")
    parser.add_argument("--results", type=Path, help="folder of results with renders and surfaces")
    parser.add_argument("--megabytes", type=float, default=40.0, help="largest size of the images (40)")
    parser.add_argument("--models", type=int, default=110, help="number of generated models (110)")
    parser.add_argument("--views", type=int, default=12, help="images per model (12)")
    parser.add_argument("--pixels", type=int, default=224, help="size of the images in pixels per side (224)")
    parser.add_argument("--samples", type=int, default=17, help="Cycles samples per pixel (17)")
    return parser.parse_args()


def read_config(options: argparse.Namespace) -> Config:
    """The embedded default with the size and number of the images."""
    base = load_config(ROOT / "config.yaml").model_dump(mode="json")
    render_settings = {
        "resolution_px": options.pixels,
        "views_per_model": options.views,
        "samples": options.samples,
        "shards": 1,
    }
    showroom = {"models": options.models, "texture_px": 256}
    return validate(merge(base, {"dataset": {"showroom": showroom}, "render": render_settings}))


def render(config: Config, folder: Path) -> None:
    """Stage, catalogue, render and sample, as the workflow does, in one shard."""
    manifest, models, journal = folder / "manifest.json", folder / "models.parquet", folder / "journal.jsonl"
    staging, refused = folder / "staging.csv", folder / "refused.csv"
    stage_dataset(
        settings=config.dataset, output_dir=folder / "dataset", manifest=manifest, quarantine=staging, journal=journal
    )
    build_catalogue(
        settings=config.dataset,
        n_shards=1,
        manifest=manifest,
        staging_quarantine=staging,
        models=models,
        quarantine=refused,
        journal=journal,
    )
    render_views(
        settings=config.render,
        manifest=manifest,
        models=models,
        shard=0,
        threads=1,
        output=folder / "renders" / "shard-0000.parquet",
        quarantine=refused,
        journal=journal,
    )
    sample_surfaces(
        settings=config.dataset,
        manifest=manifest,
        models=models,
        shard=0,
        output=folder / "surfaces" / "shard-0000.parquet",
        quarantine=refused,
    )


def pack(results: Path, output: Path, megabytes: float) -> None:
    """Write the images that fit, and the surfaces of their validation split."""
    shards, surfaces = sorted(results.glob(RENDERS)), sorted(results.glob(SURFACE_FILES))
    if not shards:
        raise SystemExit(f"{results}: expected renders in {RENDERS}; make them with: snakemake, or leave out --results")
    rows = list(chosen_rows(shards, megabytes * 1e6))
    write_shard(output / SHARD, rows)
    counts = {split: sum(row["split"] == split for row in rows) for split in SPLITS}
    size = (output / SHARD).stat().st_size / 1e6
    log.info("%s: %d images for training, %d for validation, %.1f MB", output / SHARD, *counts.values(), size)
    if surfaces:
        wanted = {row["model_id"] for row in rows if row["split"] == "validation"}
        known = load_surfaces(surfaces)
        write_surfaces(output / SURFACES, [(model_id, known[model_id]) for model_id in known if model_id in wanted])


def chosen_rows(shards: Sequence[Path], most_bytes: float) -> Iterator[dict[str, Any]]:
    """Validation first, then training, by view number: every model has its first view before any has its second."""
    tables = [pq.read_table(path, columns=["split", "view", "model_id"]) for path in shards]
    index = [
        (split != "validation", view, model_id, shard, row)
        for shard, table in enumerate(tables)
        for row, (split, view, model_id) in enumerate(
            zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
        )
        if split in SPLITS
    ]
    loaded = [pq.read_table(path, columns=SCHEMA.names) for path in shards]
    validation = training = 0
    used = 0
    for is_training, _, _, shard, row in sorted(index):
        if not is_training and validation == VALIDATION_IMAGES:
            continue
        values = loaded[shard].slice(row, 1).to_pylist()[0]
        used += len(values["image"]["bytes"])
        if used > most_bytes:
            return
        training, validation = training + is_training, validation + (not is_training)
        yield values


if __name__ == "__main__":
    main()
