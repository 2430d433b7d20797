"""The report as its readers meet it: opened in a browser, turned, sorted, downloaded, on a phone, without WebGL."""

import json
import time

import chromium
import pytest
from report_tree import tree_config, write_report_of, write_report_tree

pytestmark = pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the report in")
MESH = "#meshes model-viewer[data-file^=base]"
TRUTH = "#meshes model-viewer[data-file^=truth]"
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two seeds of one ablation, one of the other."""
    results = tmp_path_factory.mktemp("tree") / "results"
    tables = write_report_tree(results, ("base", "untrained"), seeds=(0, 1), n_models=8)
    return write_report_of(results, tables, tree_config("base", "untrained"))


@pytest.fixture(scope="module")
def browser_with_webgl(tmp_path_factory):
    with chromium.chromium(tmp_path_factory.mktemp("profile"), *chromium.WITH_WEBGL) as page:
        yield page


def loaded(page, selector=MESH):
    """Scroll to a viewer and wait for its mesh."""
    page.middle_of(selector)
    page.wait_for(f"document.querySelector({json.dumps(selector)}).loaded")


def azimuth(page, selector=MESH):
    """Azimuth of a viewer's camera in radians."""
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).getCameraOrbit().theta")


def turned(page, before, selector=MESH):
    """Azimuth of a viewer's camera, once it is not ``before`` any more."""
    camera = f"document.querySelector({json.dumps(selector)}).getCameraOrbit().theta"
    return page.wait_for(camera, lambda now: abs(now - before) > 0.1)


def covered(page, selector=MESH):
    """Fraction of the viewer's image that the mesh covers."""
    return page.evaluate(
        f"""(async () => {{
            const image = await createImageBitmap(await document.querySelector({json.dumps(selector)}).toBlob());
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            const values = context.getImageData(0, 0, image.width, image.height).data;
            let count = 0;
            for (let at = 3; at < values.length; at += 4) count += values[at] > 0;
            return 4 * count / values.length;
        }})()"""
    )


def test_the_meshes_of_an_object_turn_together_under_the_mouse(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    loaded(page)
    loaded(page, TRUTH)
    before, of_truth = azimuth(page), azimuth(page, TRUTH)
    assert before == pytest.approx(of_truth)
    assert 0.03 < covered(page) < 0.8
    page.drag(MESH, right=60, down=20)
    assert abs(turned(page, of_truth, TRUTH) - of_truth) > 0.1
    assert 0.03 < covered(page) < 0.8
    assert page.errors == []


def test_a_prediction_is_shown_in_the_frame_of_the_truth(browser_with_webgl, report):
    """The predictions of the tree lie 40 degrees beside the object frame, and differ from the truth by little noise."""
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    boxes = []
    for selector in (MESH, TRUTH):
        loaded(page, selector)
        size = page.evaluate(f"document.querySelector({json.dumps(selector)}).getDimensions()")
        boxes.append([size[axis] for axis in "xyz"])
    assert boxes[0] == pytest.approx(boxes[1], abs=0.15)


def test_without_webgl_the_previews_stay(report, tmp_path):
    with chromium.chromium(tmp_path, *chromium.WITHOUT_WEBGL) as page:
        page.resize(*DESKTOP)
        page.open(report.as_uri())
        assert page.evaluate("document.createElement('canvas').getContext('webgl2') === null")
        viewer = f"document.querySelector({json.dumps(MESH)})"
        page.middle_of(MESH)
        poster = f"getComputedStyle({viewer}.shadowRoot.querySelector('#default-poster')).backgroundImage"
        assert "data:image/webp" in page.wait_for(poster)
        slot = f"{viewer}.shadowRoot.querySelector('.slot.poster')"
        assert page.evaluate(f"getComputedStyle({slot}).opacity") == "1"
        assert page.evaluate(f"{viewer}.src") is None


def test_a_link_downloads_the_file_of_the_results(browser_with_webgl, report, tmp_path):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    name = page.evaluate("document.querySelector('#meshes a[data-file^=base-refined]').download")
    page.click("#meshes a[data-file^=base-refined]")
    end = time.monotonic() + 20.0
    while not (tmp_path / name).is_file() and time.monotonic() < end:
        time.sleep(0.1)
    source = report.parent / "base" / "seed0" / "refined" / "part-0" / name.removeprefix("base-refined-")
    assert (tmp_path / name).read_bytes() == source.read_bytes()


def test_meshes_far_below_the_window_are_not_loaded(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    sources = "[...document.querySelectorAll('model-viewer')].map((viewer) => viewer.src !== null)"
    first, *_, last = page.wait_for(sources, any)
    assert (first, last) == (True, False)


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


def test_further_metrics_are_behind_a_switch_and_the_table_fits(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    shown = "[...document.querySelectorAll('#comparison th')].filter((th) => th.offsetWidth > 0).length"
    overflow = "(() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth; })()"
    columns = page.evaluate("document.querySelectorAll('#comparison th').length")
    assert page.evaluate(shown) < columns
    assert page.evaluate(overflow) <= 0
    page.click("#further")
    assert page.evaluate(shown) == columns
    left = "document.querySelector('#comparison td').getBoundingClientRect().left"
    before = page.evaluate(left)
    page.evaluate("document.querySelector('.scroll').scrollLeft = 300")
    assert page.evaluate(left) == before


def test_it_asks_nobody_for_anything_and_complains_about_nothing(browser_with_webgl, report):
    page = browser_with_webgl
    page.requests.clear()
    page.errors.clear()
    page.resize(*DESKTOP)
    page.open(report.as_uri())
    loaded(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert {address.partition(":")[0] for address in page.requests} <= {"file", "data", "blob"}
    assert [address for address in page.requests if address.startswith("file:")] == [report.as_uri()]
    assert page.errors == []


def test_a_phone_shows_the_whole_width_and_a_finger_turns(browser_with_webgl, report):
    page = browser_with_webgl
    page.resize(*PHONE, phone=True)
    page.open(report.as_uri())
    assert page.evaluate("window.innerWidth") == PHONE[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    loaded(page)
    before = azimuth(page)
    page.swipe(MESH, right=50, down=0)
    turned(page, before)
