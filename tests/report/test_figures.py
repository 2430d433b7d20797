import numpy as np
import pandas as pd
import pytest
import trimesh
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from shelfnet.config.render import ViewPrior
from shelfnet.palette import OKABE_ITO
from shelfnet.report.figures.categories import OTHERS, draw_chamfer_by_category
from shelfnet.report.figures.curves import draw_chamfer_curves, draw_loss_curves, draw_mask_iou_curves
from shelfnet.report.figures.floaters import draw_floaters
from shelfnet.report.figures.images import (
    draw_contact_sheet,
    draw_reconstructions,
    reconstructions_size_in,
    with_surface,
)
from shelfnet.report.figures.memory import QUANTITIES, draw_memory_scaling, fitted_exponent
from shelfnet.report.figures.methods import draw_chamfer_by_method
from shelfnet.report.figures.poses import (
    ViewAngles,
    azimuth_confusion,
    azimuth_errors,
    draw_azimuth_confusion,
    draw_view_prior,
    fraction_outside_prior,
    match_views,
)
from shelfnet.report.figures.style import BASELINE_GREY, line_styles, log_scale, new_figure, save_figure
from shelfnet.report.figures.view_sphere import angle_bins, draw_view_sphere
from shelfnet.report.runs import ResolutionSwitch
from shelfnet.report.shown_views import ShownView

STYLES = line_styles(["base", "clip"])


def curve(ablation, seed, values, name="validation/chamfer"):
    return pd.DataFrame(
        {"ablation": ablation, "seed": seed, "iteration": range(0, 10 * len(values), 10), "name": name, "value": values}
    )


def test_line_styles_are_unique_beyond_the_colours():
    names = [f"a{n}" for n in range(2 * len(OKABE_ITO))]
    assert len({(style.colour, style.dash) for style in line_styles(names).values()}) == len(names)
    assert len({(style.colour, style.marker) for style in line_styles(names).values()}) == len(names)


def test_save_figure_writes_png_and_pdf_only(tmp_path):
    with new_figure(2.0, 1.0) as fig:
        fig.subplots().plot([0, 1])
        save_figure(fig, tmp_path / "figures" / "line.png")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["line.pdf", "line.png"]
    with Image.open(tmp_path / "figures" / "line.png") as opened:
        assert opened.size == (600, 300)


def test_validation_curve_is_the_mean_over_seeds_with_a_band():
    curves = pd.concat([curve("base", 0, [0.1, 0.06]), curve("base", 1, [0.2, 0.08])])
    with new_figure(4.0, 3.0) as fig:
        draw_chamfer_curves(fig, curves, {"mean_shape": 0.065}, STYLES, {})
        (axes,) = fig.axes
        line, level = axes.lines
        np.testing.assert_allclose(line.get_xydata(), [[0, 0.15], [10, 0.07]])
        assert level.get_ydata()[0] == 0.065
        band = axes.collections[0].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (0.06, 0.2)


def test_untrained_is_stated_in_the_legend_instead_of_drawn():
    curves = pd.concat([curve("base", 0, [0.1, 0.06]), curve("untrained", 0, [1.7]), curve("clip", 0, [0.2])])
    with new_figure(4.0, 3.0) as fig:
        draw_chamfer_curves(fig, curves, {"mean_shape": 0.065}, STYLES | {"untrained": STYLES["base"]}, {})
        (axes,) = fig.axes
        labels = axes.get_legend_handles_labels()[1]
    assert axes.get_ylim()[1] < 0.5
    assert "untrained: 1.70" in labels and "clip" in labels


def test_loss_curves_have_one_panel_per_loss():
    curves = pd.concat(
        [curve("base", 0, [1.0, 0.5], f"loss/{name}") for name in ("rgb", "mask")] + [curve("base", 0, [0.1, 0.1])]
    )
    with new_figure(4.0, 3.0) as fig:
        draw_loss_curves(fig, curves, STYLES, {})
        assert [axes.get_title(loc="left") for axes in fig.axes] == ["mask", "rgb"]


def test_loss_curve_is_a_running_mean():
    with new_figure(4.0, 3.0) as fig:
        draw_loss_curves(fig, curve("base", 0, [0.0, 9.0] * 10, "loss/rgb"), STYLES, {})
        raw, running = fig.axes[0].lines
        np.testing.assert_allclose(raw.get_ydata(), [0.0, 9.0] * 10)
        np.testing.assert_allclose(running.get_ydata()[4:16], [4.0, 5.0] * 6)


def switch_lines(switches, curves, style):
    """Place and colour of the vertical lines of the validation figure, and what its legend says besides names."""
    with new_figure(4.0, 3.0) as fig:
        draw_mask_iou_curves(fig, curves.assign(name="validation/mask_iou"), style, switches)
        vertical = [line for line in fig.axes[0].lines if list(line.get_ydata()) == [0, 1]]
        labels = [text.get_text() for text in fig.legends[0].get_texts()]
        return [(line.get_xdata()[0], line.get_color()) for line in vertical], [x for x in labels if x not in style]


def test_resolution_switch_of_all_ablations_is_one_grey_line():
    """An ablation of no iterations has no renders to switch."""
    curves = pd.concat([curve("base", 0, [0.5, 0.7]), curve("clip", 0, [0.6, 0.8]), curve("untrained", 0, [0.1])])
    switches = {name: frozenset([ResolutionSwitch(6, 64)]) for name in ("base", "clip")} | {"untrained": frozenset()}
    lines, labels = switch_lines(switches, curves, line_styles(["base", "clip", "untrained"]))
    assert lines == [(6, BASELINE_GREY)]
    assert labels == ["untrained: 0.10", "64 px from here"]


def test_resolution_switches_have_the_colours_of_their_ablations():
    names = ["base", "clip", "se3", "best"]
    curves, style = pd.concat([curve(name, 0, [0.5, 0.7]) for name in names]), line_styles(names)
    early, late = frozenset([ResolutionSwitch(3, 64)]), frozenset([ResolutionSwitch(6, 64)])
    switches = {"base": late, "clip": early, "se3": late, "best": frozenset()}
    lines, labels = switch_lines(switches, curves, style)
    assert set(lines) == {(3, style["clip"].colour), (6, style["base"].colour), (6, style["se3"].colour)}
    assert labels == ["64 px from here"]
    assert switch_lines({}, curves, style) == ([], [])


def test_dots_of_a_shared_switch_do_not_overlap():
    curves = pd.concat([curve(name, 0, [0.5, 0.7], "validation/mask_iou") for name in ("base", "clip", "se3")])
    switches = {name: frozenset([ResolutionSwitch(6, 64)]) for name in ("base", "clip")}
    with new_figure(4.0, 3.0) as fig:
        draw_mask_iou_curves(fig, curves, line_styles(["base", "clip", "se3"]), switches)
        (axes,) = fig.axes
        axes.set_axis_off()
        fig.legends[0].remove()
        FigureCanvasAgg(fig).draw()
        pixels = np.asarray(fig.canvas.buffer_rgba())
    column = pixels[:, int(axes.transData.transform((6, 0.5))[0]), :3].astype(int)
    for look in list(line_styles(["base", "clip"]).values()):
        wanted = 255 * np.array(to_rgb(look.colour))
        assert (np.abs(column - wanted).sum(axis=1) < 150).sum() > 20


def test_loss_panel_marks_switches_of_its_own_ablations():
    curves = pd.concat([curve("base", 0, [1.0, 0.5], "loss/rgb"), curve("clip", 0, [1.0, 0.5], "loss/clip")])
    with new_figure(4.0, 3.0) as fig:
        draw_loss_curves(fig, curves, STYLES, {"clip": frozenset([ResolutionSwitch(6, 64)])})
        at = {axes.get_title(loc="left"): [list(line.get_xdata()) for line in axes.lines] for axes in fig.axes}
        labels = [text.get_text() for text in fig.legends[0].get_texts()]
    assert [6, 6] in at["clip"] and [6, 6] not in at["rgb"]
    assert labels == ["clip", "64 px from here", "base"]


def test_mask_iou_axis_fits_the_data():
    with new_figure(4.0, 3.0) as fig:
        draw_mask_iou_curves(fig, curve("base", 0, [0.7, 0.8], "validation/mask_iou"), STYLES, {})
        low, high = fig.axes[0].get_ylim()
        assert 0.6 < low < 0.7 and 0.8 < high < 0.9


def test_reconstructions_are_cropped_and_leave_out_ablations_without_surface():
    pixels = np.zeros((40, 40, 4), dtype=np.uint8)
    pixels[10:30, 15:25] = 255
    view = ShownView("m", 0, "a chair", pixels, 0.0, 0.0, trimesh.creation.box(), {})
    assert with_surface([view], ["untrained"]) == []
    with new_figure(*reconstructions_size_in([view], ["untrained"])) as fig:
        draw_reconstructions(fig, [view], ["untrained"], lambda mesh, cam2world: pixels, 2.6)
        shown = [axes for axes in fig.axes if axes.images]
        assert [axes.get_title(loc="center") for axes in fig.axes[:2]] == ["input", "truth"]
        assert len(shown) == 4
        np.testing.assert_allclose(shown[0].images[0].get_array()[0, 0] * 255, [0xF3, 0xF3, 0xF1])
        for axes in shown:
            np.testing.assert_allclose(np.ptp(axes.get_xlim()), 20 * 1.06)


def test_fitted_exponent_uses_the_largest_resolutions():
    n = np.array([8.0, 16.0, 32.0, 64.0])
    assert fitted_exponent(n, 5.0 * n**3) == pytest.approx(3.0)
    assert fitted_exponent(n[::-1], np.array([1e9, 16.0**2, 32.0**2, 64.0**2])[[3, 2, 1, 0]]) == pytest.approx(2.0)


def test_memory_legend_has_the_exponents():
    rows = [
        {"representation": name, "resolution": n, "channels": 2} | dict.fromkeys(QUANTITIES, float(n**power))
        for name, power in (("voxel", 3), ("triplane", 2))
        for n in (16, 32, 64)
    ]
    with new_figure(4.0, 3.0) as fig:
        draw_memory_scaling(fig, pd.DataFrame(rows))
        texts = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert texts == ["voxel, 2 ch.: $N^{3.0}$", "triplane, 2 ch.: $N^{2.0}$"]


def scores(categories, stage="refined", chamfer=0.05):
    return pd.DataFrame(
        {
            "ablation": "base",
            "stage": stage,
            "status": "ok",
            "model_id": [f"m{n // 2}" for n in range(len(categories))],
            "category": categories,
            "chamfer": chamfer,
            "components": 2,
            "floater_fraction": 0.1,
        }
    )


def test_rare_categories_are_grouped():
    categories = [f"c{n:02d}" for n in range(20) for _ in range(20 - n)]
    rows = scores(categories, chamfer=np.where(np.isin(categories, [f"c{n:02d}" for n in range(12)]), 0.05, 0.09))
    with new_figure(4.0, 3.0) as fig:
        draw_chamfer_by_category(fig, {"base": rows}, scores(["c00"]).assign(ablation="mean_shape"), STYLES)
        (axes,) = fig.axes
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert (len(labels), labels[0], labels[-1]) == (13, "c00 (10)", f"{OTHERS} (18)")
        np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.05] * 12 + [0.09])


def test_categories_leave_out_untrained():
    tables = {name: scores(["a"] * 3, chamfer=0.05) for name in ("untrained", "base", "clip")}
    with new_figure(4.0, 3.0) as fig:
        draw_chamfer_by_category(fig, tables, scores(["a"]).assign(ablation="mean_shape"), STYLES)
        (axes,) = fig.axes
        assert axes.get_legend_handles_labels()[1] == ["base", "clip", "mean_shape"]
        assert len({str(line.get_marker()) for line in axes.lines}) == 3


def test_methods_are_sorted_with_one_marker_per_run():
    def runs(*chamfer):
        return pd.concat([scores(["a"] * 4, chamfer=value).assign(seed=seed) for seed, value in enumerate(chamfer)])

    tables = {"base": runs(0.05, 0.07), "clip": runs(0.04), "untrained": runs(1.0)}
    with new_figure(4.0, 3.0) as fig:
        mean_shape = scores(["a"], chamfer=0.1).assign(ablation="mean_shape")
        draw_chamfer_by_method(fig, tables, mean_shape, STYLES, samples=50, seed=0)
        (axes,) = fig.axes
        assert [label.get_text() for label in axes.get_yticklabels()] == ["clip", "base"]
        markers = {line.get_ydata()[0]: line.get_xdata() for line in axes.lines if line.get_alpha()}
        np.testing.assert_allclose(markers[0], [0.04])
        np.testing.assert_allclose(markers[1], [0.05, 0.07])
        assert axes.lines[-1].get_xdata()[0] == 0.1


def test_methods_without_true_shapes():
    with new_figure(4.0, 3.0) as fig:
        rows = scores(["a"], chamfer=np.nan).assign(seed=0)
        draw_chamfer_by_method(fig, {"base": rows}, rows, STYLES, samples=50, seed=0)
        assert "no true shapes" in fig.texts[0].get_text()


INTERVAL = {"ablation": "base", "reference": None, "stage": "coarse", "estimate": 0.1, "low": 0.05, "high": 0.2}


def structure(**changes):
    metrics = ("floater_fraction", "components")
    return pd.DataFrame([INTERVAL | {"metric": metric} | changes for metric in metrics])


def test_floaters_draw_predictions_and_count_empty_ones():
    both = pd.concat([scores(["a"] * 3, "coarse"), scores(["a"] * 3)], ignore_index=True)
    both.loc[5, "status"] = "empty"
    with new_figure(4.0, 3.0) as fig:
        draw_floaters(fig, {"base": both}, structure(), structure().iloc[:0], STYLES)
        assert len(fig.axes) == 2
        points = [line for line in fig.axes[0].lines if line.get_marker() == "."]
        assert [len(line.get_xdata()) for line in points] == [3, 2]
        labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
        assert labels == ["base, coarse", "base, refined (1 empty)"]
        (bar,) = fig.axes[0].collections
        np.testing.assert_allclose(bar.get_segments()[0], [[0.05, 0], [0.2, 0]])


def test_floaters_draw_differences_between_backgrounds():
    difference = structure(ablation="clip_bg", reference="clip", estimate=-0.05, low=-0.1, high=0.01)
    with new_figure(6.0, 4.0) as fig:
        draw_floaters(fig, {"base": scores(["a"] * 3, "coarse")}, structure(), difference, STYLES)
        assert len(fig.axes) == 4
        assert [label.get_text() for label in fig.axes[2].get_yticklabels()] == ["clip_bg - clip, coarse"]
        (bar,) = fig.axes[2].collections
        np.testing.assert_allclose(bar.get_segments()[0], [[-0.1, 0], [0.01, 0]])


def test_match_views_aligns_coarse_test_views():
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
    poses = match_views(predictions, truth)
    np.testing.assert_allclose(poses.predicted_azimuth_deg, [-160.0, 20.0])
    np.testing.assert_allclose(poses.predicted_elevation_deg, [5.0, 6.0])


def view_angles(predicted, true, elevation=None):
    predicted, true = np.asarray(predicted, dtype=float), np.asarray(true, dtype=float)
    elevation = np.zeros(len(true)) if elevation is None else np.asarray(elevation, dtype=float)
    return ViewAngles(predicted, true, elevation, np.zeros(len(true)))


def test_azimuth_errors_wrap_and_count_flips():
    errors = azimuth_errors(view_angles([10.0, 178.0, -170.0, 90.0], [0.0, -170.0, 0.0, 90.0]))
    assert errors.median_deg == pytest.approx(11.0)
    assert errors.ninetieth_percentile_deg == pytest.approx(12.0 + 0.7 * 158.0)
    assert errors.flipped_fraction == 0.25


def test_azimuth_confusion_is_normalised_by_true_bin():
    shares = azimuth_confusion(view_angles([-175.0, -170.0, 5.0, 100.0], [-175.0, -160.0, -175.0, 179.0]))
    assert shares.shape == (12, 12)
    np.testing.assert_allclose(shares[0, [0, 6]], [2 / 3, 1 / 3])
    assert shares[11, 9] == 1.0
    np.testing.assert_allclose(shares.sum(axis=1), [1.0, *[0.0] * 10, 1.0])


def test_azimuth_panel_has_the_quantiles():
    poses = {"base": view_angles([10.0, 100.0, 178.0], [0.0, 90.0, -170.0])}
    with new_figure(4.0, 3.0) as fig:
        draw_azimuth_confusion(fig, poses, STYLES)
        assert fig.axes[0].get_title(loc="left") == "base, coarse\nmedian 10°, 90 % < 12°\n0 % turned round"


def test_view_prior_counts_views_outside():
    poses = view_angles([0.0, 0.0, -90.0, 90.0], [0.0] * 4, elevation=[-6.0, 0.0, 30.0, 31.0])
    assert fraction_outside_prior(poses, ViewPrior()) == 0.5
    assert fraction_outside_prior(poses, ViewPrior(azimuth_min_deg=-45.0, azimuth_max_deg=45.0)) == 0.75
    with new_figure(4.0, 3.0) as fig:
        draw_view_prior(fig, {"base": poses}, ViewPrior(), STYLES)
        (axes,) = fig.axes
        assert axes.get_title(loc="left") == "base\n50 % outside p(v)"
        assert axes.patches[0].get_bbox().extents.tolist() == [-180.0, -5.0, 180.0, 30.0]
        low, high = axes.get_ylim()
        assert low < -6.0
        assert high > 31.0


def test_view_sphere_draws_every_view():
    azimuths, elevations = np.array([-180.0, 0.0, 170.0]), np.array([-5.0, 12.0, 30.0])
    with new_figure(8.0, 4.0) as fig:
        draw_view_sphere(fig, azimuths, elevations, ViewPrior())
        sphere, azimuth, elevation = fig.axes
        np.testing.assert_allclose(sphere.lines[0].get_xydata(), np.radians([azimuths, elevations]).T)
        for axes in (azimuth, elevation):
            assert sum(bar.get_height() for bar in axes.patches) == 3


def test_angle_bins_are_multiples_and_contain_the_ends():
    np.testing.assert_allclose(angle_bins(np.array([-5.0, 30.0]), 5.0), np.arange(-5.0, 36.0, 5.0))
    np.testing.assert_allclose(angle_bins(np.array([7.0]), 15.0), [0.0, 15.0])


@pytest.mark.parametrize(
    ("high", "expected"), [(0.2, ["0.06", "0.08", "0.1", "0.15", "0.2"]), (2.0, ["0.1", "0.2", "0.5", "1", "2"])]
)
def test_log_scale_has_plain_numbers(high, expected):
    with new_figure(4.0, 3.0) as fig:
        axes = fig.subplots()
        axes.plot([0, 1], [0.05 if high < 1 else 0.09, high])
        log_scale(axes.yaxis)
        low, top = axes.get_ylim()
        shown = [label.get_text() for label in axes.get_yticklabels() if low <= label.get_position()[1] <= top]
    assert [text for text in shown if text in expected] == expected


def no_image(mesh, cam2world):
    raise AssertionError("there is nothing to draw")


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda fig: draw_chamfer_curves(fig, curve("base", 0, []), {}, STYLES, {}), "no run was validated"),
        (lambda fig: draw_loss_curves(fig, curve("base", 0, []), STYLES, {}), "no loss was logged"),
        (
            lambda fig: draw_floaters(fig, {"base": scores([])}, *[structure().iloc[:0]] * 2, STYLES),
            "no test prediction has a surface",
        ),
        (
            lambda fig: draw_view_sphere(fig, np.array([np.nan]), np.zeros(1), ViewPrior()),
            "the views of these images are not known",
        ),
        (lambda fig: draw_azimuth_confusion(fig, {}, STYLES), "no view was predicted"),
        (lambda fig: draw_view_prior(fig, {}, ViewPrior(), STYLES), "no view was predicted"),
        (lambda fig: draw_contact_sheet(fig, [], []), "no image was rendered"),
        (lambda fig: draw_reconstructions(fig, [], ["base"], no_image, 2.6), "no test view was reconstructed"),
    ],
)
def test_empty_figure_says_why(draw, text):
    with new_figure(4.0, 3.0) as fig:
        draw(fig)
        assert [shown.get_text() for shown in fig.texts] == [text]
