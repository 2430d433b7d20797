import json
from pathlib import Path

import pytest
from PIL import Image
from report_tree import BASELINE_LEVELS, tree_config, write_report_tree

from shelfnet.config.load import validate
from shelfnet.report.captions import FIGURE_CAPTIONS
from shelfnet.report.figures.images import LABELS_IN, MAX_CELL_IN, TITLES_IN
from shelfnet.report.figures.style import DPI
from shelfnet.steps import draw_figures as step
from shelfnet.steps import draw_reconstructions as reconstructions_step


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0,))
    (results / "figures" / "of_an_earlier_version.png").write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconstructions_step, "SHOWN_VIEWS", 1)
        shared = {
            "config": tree_config("base", "untrained"),
            "results": results,
            "tables": tables,
            "baselines": results / "baselines" / "chamfer.csv",
        }
        step.draw_figures(
            **shared,
            levels=results / "baselines" / "validation.csv",
            output=results / "figures",
            journal=results / "journal" / "draw_figures.jsonl",
        )
        reconstructions_step.draw_reconstructions(
            **shared,
            output=results / "figures" / "reconstructions.png",
            journal=results / "journal" / "draw_reconstructions.jsonl",
        )
    return results


def test_every_figure_with_a_caption_is_drawn_as_png_and_pdf(drawn):
    names = {path.name for path in (drawn / "figures").iterdir()} - {"memory_scaling.csv", "of_an_earlier_version.png"}
    assert names == {f"{name}.{ending}" for name in FIGURE_CAPTIONS for ending in ("png", "pdf")}


def test_reconstructions_fill_every_column(drawn):
    with Image.open(drawn / "figures" / "reconstructions.png") as image:
        grey = image.convert("L")
    left, top, cell = (int(DPI * inches) for inches in (LABELS_IN, TITLES_IN, MAX_CELL_IN))
    top_row = grey.crop((left, top, grey.width, top + cell))
    cells = [top_row.crop((x * top_row.width // 4, 5, (x + 1) * top_row.width // 4, top_row.height)) for x in range(4)]
    assert all(cell.getextrema()[0] < 200 for cell in cells)


def test_the_journals_list_the_figures(drawn):
    journals = [drawn / "journal" / f"draw_{name}.jsonl" for name in ("figures", "reconstructions")]
    events = [json.loads(line) for path in journals for line in path.read_text().splitlines()]
    assert {event["run"] for event in events} == {"comparison"}
    assert {Path(event["path"]).stem for event in events} == set(FIGURE_CAPTIONS)


def test_levels_are_those_of_the_baselines(drawn):
    assert step.read_levels(drawn / "baselines" / "validation.csv") == BASELINE_LEVELS


def test_background_pairs_differ_only_in_their_backgrounds():
    clip, coloured = {"losses": {"clip": 1.0}}, {"clip": {"backgrounds": ["noise", "checker"]}}
    ablations = {
        "base": {},
        "unused": coloured,
        "clip": clip,
        "clip_bg": clip | coloured,
        "other": clip | coloured | {"train": {"learning_rate": 1e-3}},
    }
    assert step.background_pairs(validate({"ablations": ablations}), list(ablations)) == [("clip_bg", "clip")]
