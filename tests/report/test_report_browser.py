"""The report as its readers meet it: opened in a browser, turned, sorted, on a phone, and without WebGL."""

import json

import chromium
import pytest
from report_tree import tree_config, write_report_of, write_report_tree

pytestmark = pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the report in")
MESH = "canvas[data-mesh=base]"
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two seeds of one ablation, one of the other."""
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0, 1), n_models=8)
    return write_report_of(results, tables, tree_config("base", "untrained"))


@pytest.fixture(scope="module", params=[chromium.WITH_WEBGL, chromium.WITHOUT_WEBGL], ids=["webgl", "2d"])
def browser(request, tmp_path_factory):
    with chromium.chromium(tmp_path_factory.mktemp("profile"), *request.param) as page:
        yield page


@pytest.fixture(scope="module")
def browser_with_webgl(tmp_path_factory):
    with chromium.chromium(tmp_path_factory.mktemp("profile"), *chromium.WITH_WEBGL) as page:
        yield page


def pixels(page, selector=MESH):
    """The canvas as one string, and the share of it that is covered."""
    page.middle_of(selector)
    return page.wait_for(
        f"""(() => {{
            const canvas = document.querySelector({json.dumps(selector)});
            const values = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let covered = 0;
            for (let at = 3; at < values.length; at += 4) covered += values[at] > 0;
            return covered && {{ image: canvas.toDataURL(), covered: 4 * covered / values.length }};
        }})()"""
    )


def changed(page, before, selector=MESH):
    """The canvas, once it is not the image ``before`` any more."""
    page.wait_for(f"document.querySelector({json.dumps(selector)}).toDataURL()", lambda now: now != before["image"])
    return pixels(page, selector)


def test_meshes_turn_under_the_mouse_beside_the_truth(browser, report):
    browser.resize(*DESKTOP)
    browser.open(report.as_uri())
    before, truth = pixels(browser), pixels(browser, "canvas[data-mesh=truth]")
    browser.drag(MESH, right=60, down=20)
    after = changed(browser, before)
    # The whole row turns together, and nothing falls out of the image.
    assert pixels(browser, "canvas[data-mesh=truth]")["image"] != truth["image"]
    assert 0.03 < before["covered"] < 0.8
    assert 0.03 < after["covered"] < 0.8
    browser.evaluate(f"document.querySelector('{MESH}').dispatchEvent(new MouseEvent('dblclick'))")
    assert changed(browser, after)["image"] == before["image"]
    assert browser.errors == []


def test_both_ways_of_drawing_show_the_same_shape(report, tmp_path):
    covered = []
    for flags, has_webgl in ((chromium.WITH_WEBGL, True), (chromium.WITHOUT_WEBGL, False)):
        with chromium.chromium(tmp_path / str(has_webgl), *flags) as page:
            page.resize(*DESKTOP)
            page.open(report.as_uri())
            assert page.evaluate("document.createElement('canvas').getContext('webgl2') !== null") is has_webgl
            covered.append(pixels(page)["covered"])
    # In 2D, triangles have an outline half a pixel wide, which thickens thin legs.
    assert covered[1] == pytest.approx(covered[0], rel=0.2)


def test_a_heading_sorts_the_table_and_turns_the_order_around(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    column = 1 + page.evaluate(
        "[...document.querySelectorAll('#comparison th')].findIndex((th) => th.innerText.startsWith('chamfer'))"
    )
    cells = f"[...document.querySelectorAll('#comparison tbody td:nth-child({column})')].map((td) => td.dataset.value)"
    page.click(f"#comparison th:nth-child({column}) button")
    upwards = [float(value) for value in page.evaluate(cells)]
    page.click(f"#comparison th:nth-child({column}) button")
    assert upwards == sorted(upwards)
    assert len(set(upwards)) > 3
    assert [float(value) for value in page.evaluate(cells)] == upwards[::-1]


def test_stage_and_seed_can_be_chosen(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    refined, untrained = pixels(page), pixels(page, "canvas[data-mesh=untrained]")
    page.click("input[name=stage][value=coarse]")
    coarse = changed(page, refined)
    page.click("input[name=stage][value=refined]")
    changed(page, coarse)
    page.evaluate(
        "(() => { const seed = document.getElementById('seed'); seed.value = '1';"
        " seed.dispatchEvent(new Event('change')); return seed.options.length; })()"
    )
    assert changed(page, refined)["image"] not in (refined["image"], coarse["image"])
    # What was run with one seed alone stays as it is.
    assert pixels(page, "canvas[data-mesh=untrained]")["image"] == untrained["image"]


def test_it_asks_nobody_for_anything_and_complains_about_nothing(browser_with_webgl, report):
    page = browser_with_webgl
    page.requests.clear()
    page.errors.clear()
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    pixels(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert {address.partition(":")[0] for address in page.requests} <= {"file", "data"}
    assert [address for address in page.requests if address.startswith("file:")] == [report.as_uri()]
    assert page.errors == []


def test_a_phone_shows_the_whole_width_and_a_finger_turns(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*PHONE, phone=True)
    page.open(report.as_uri())
    assert page.evaluate("window.innerWidth") == PHONE[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    before = pixels(page)
    page.swipe(MESH, right=50, down=0)
    assert 0.03 < changed(page, before)["covered"] < 0.8
    assert page.evaluate("document.querySelector('.meshes').scrollWidth <= window.innerWidth")
