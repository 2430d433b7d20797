import numpy as np
import pandas as pd
import pytest
from PIL import Image

from shelfnet.config.render import ViewPrior
from shelfnet.report.curves import draw_chamfer_curves, draw_loss_curves
from shelfnet.report.memory import draw_memory_scaling, fitted_exponent
from shelfnet.report.pictures import draw_contact_sheet, draw_reconstructions
from shelfnet.report.poses import Poses, draw_azimuth_confusion, draw_view_prior, match_poses
from shelfnet.report.scores import OTHERS, draw_chamfer_by_category, draw_floaters, last_stage
from shelfnet.report.style import OKABE_ITO, figure, looks, save

STYLE = looks(["base", "clip"])


def curve(ablation, seed, values, name="validation/chamfer"):
    return pd.DataFrame(
        {"ablation": ablation, "seed": seed, "iteration": range(0, 10 * len(values), 10), "name": name, "value": values}
    )


def test_more_ablations_than_colours_differ_in_their_dash():
    names = [f"a{n}" for n in range(2 * len(OKABE_ITO))]
    assert len({(look.colour, look.dash) for look in looks(names).values()}) == len(names)


def test_a_figure_is_published_twice_and_leaves_nothing_beside(tmp_path):
    with figure(2.0, 1.0) as drawn:
        drawn.subplots().plot([0, 1])
        save(drawn, tmp_path / "figures" / "line.png")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["line.pdf", "line.png"]
    with Image.open(tmp_path / "figures" / "line.png") as picture:
        assert picture.size == (300, 150)


def test_the_validation_curve_is_the_mean_over_seeds_with_a_band():
    curves = pd.concat([curve("base", 0, [0.1, 0.06]), curve("base", 1, [0.2, 0.08])])
    with figure(4.0, 3.0) as drawn:
        draw_chamfer_curves(drawn, curves, {"mean_shape": 0.065}, STYLE)
        (axes,) = drawn.axes
        line, level = axes.lines
        np.testing.assert_allclose(line.get_xydata(), [[0, 0.15], [10, 0.07]])
        assert level.get_ydata()[0] == 0.065
        band = axes.collections[0].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (0.06, 0.2)


def test_every_loss_has_a_panel_and_validation_none():
    curves = pd.concat(
        [curve("base", 0, [1.0, 0.5], f"loss/{name}") for name in ("rgb", "mask")] + [curve("base", 0, [0.1, 0.1])]
    )
    with figure(4.0, 3.0) as drawn:
        draw_loss_curves(drawn, curves, STYLE)
        assert [axes.get_title(loc="left") for axes in drawn.axes] == ["mask", "rgb"]


def test_an_exact_power_law_is_recovered_and_a_constant_at_small_n_is_not_fitted():
    n = np.array([8.0, 16.0, 32.0, 64.0])
    assert fitted_exponent(n, 5.0 * n**3) == pytest.approx(3.0)
    assert fitted_exponent(n[::-1], np.array([1e9, 16.0**2, 32.0**2, 64.0**2])[[3, 2, 1, 0]]) == pytest.approx(2.0)


def test_memory_panels_name_the_exponents():
    rows = [
        {"representation": name, "resolution": n}
        | dict.fromkeys(("field_bytes", "decode_saved_bytes", "saved_bytes", "seconds"), float(n**power))
        for name, power in (("voxel", 3), ("triplane", 2))
        for n in (16, 32, 64)
    ]
    with figure(4.0, 3.0) as drawn:
        draw_memory_scaling(drawn, pd.DataFrame(rows))
        texts = [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    assert texts == ["voxel, grows as $N^{3.0}$", "triplane, grows as $N^{2.0}$"]


def scores(categories, stage="refined", chamfer=0.05):
    return pd.DataFrame(
        {
            "ablation": "base",
            "stage": stage,
            "category": categories,
            "chamfer": chamfer,
            "components": 2,
            "floater_fraction": 0.1,
        }
    )


def test_rare_categories_are_drawn_together():
    categories = [f"c{n:02d}" for n in range(20) for _ in range(20 - n)]
    rows = scores(categories, chamfer=np.where(np.isin(categories, [f"c{n:02d}" for n in range(12)]), 0.05, 0.09))
    with figure(4.0, 3.0) as drawn:
        draw_chamfer_by_category(drawn, {"base": rows}, scores(["c00"]).assign(ablation="mean_shape"), STYLE)
        (axes,) = drawn.axes
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert (len(labels), labels[0], labels[-1]) == (13, "c00", OTHERS)
        np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.05] * 12 + [0.09])


def test_the_last_stage_is_the_refined_one_where_there_is_one():
    both = pd.concat([scores(["a"], "coarse"), scores(["a"])])
    assert list(last_stage(both)["stage"]) == ["refined"]
    assert list(last_stage(scores(["a"], "coarse"))["stage"]) == ["coarse"]


def test_floaters_show_every_prediction_of_every_stage():
    both = pd.concat([scores(["a"] * 3, "coarse"), scores(["a"] * 3)])
    with figure(4.0, 3.0) as drawn:
        draw_floaters(drawn, {"base": both}, STYLE)
        points = [line for line in drawn.axes[0].lines if line.get_marker() == "."]
        assert [len(line.get_xdata()) for line in points] == [3, 3]
        assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == ["base, coarse", "base, refined"]


def test_poses_are_coarse_test_views_turned_by_the_alignment():
    predictions = pd.DataFrame(
        {
            "model_id": ["a", "a", "a", "b"],
            "view": [0, 0, 1, 0],
            "stage": ["coarse", "refined", "coarse", "coarse"],
            "split": ["test", "test", "test", "validation"],
            "azimuth_deg": [170.0, 0.0, -10.0, 0.0],
            "elevation_deg": [5.0, 0.0, 6.0, 0.0],
            "alignment_deg": 30.0,
        }
    )
    truth = pd.DataFrame(
        {"model_id": ["a", "a"], "view": [0, 1], "true_azimuth_deg": [-160.0, 20.0], "true_elevation_deg": 7.0}
    )
    poses = match_poses(predictions, truth)
    np.testing.assert_allclose(poses.predicted_azimuth_deg, [-160.0, 20.0])
    np.testing.assert_allclose(poses.predicted_elevation_deg, [5.0, 6.0])


def test_azimuth_panels_name_the_median_error():
    true = np.array([0.0, 90.0, -170.0])
    wrapped = np.array([10.0, 100.0, 178.0])
    poses = {"base": Poses(wrapped, true, np.zeros(3), np.zeros(3))}
    with figure(4.0, 3.0) as drawn:
        draw_azimuth_confusion(drawn, poses, STYLE)
        assert drawn.axes[0].get_title(loc="left") == "base\nmedian error 10°"
    with figure(4.0, 3.0) as drawn:
        draw_view_prior(drawn, poses, ViewPrior(), STYLE)
        assert len(drawn.axes) == 2


def no_picture(mesh, cam2world):
    raise AssertionError("there is nothing to draw")


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda drawn: draw_chamfer_curves(drawn, curve("base", 0, []), {}, STYLE), "no run was validated"),
        (lambda drawn: draw_loss_curves(drawn, curve("base", 0, []), STYLE), "no loss was logged"),
        (lambda drawn: draw_floaters(drawn, {"base": scores([])}, STYLE), "no test view was evaluated"),
        (lambda drawn: draw_azimuth_confusion(drawn, {}, STYLE), "no view was predicted"),
        (lambda drawn: draw_view_prior(drawn, {}, ViewPrior(), STYLE), "no view was predicted"),
        (lambda drawn: draw_contact_sheet(drawn, [], []), "no picture was rendered"),
        (lambda drawn: draw_reconstructions(drawn, [], ["base"], no_picture, 2.6), "no test view was reconstructed"),
    ],
)
def test_an_empty_figure_says_why(draw, text):
    with figure(4.0, 3.0) as drawn:
        draw(drawn)
        assert [shown.get_text() for shown in drawn.texts] == [text]
