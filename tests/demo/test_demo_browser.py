"""The page as its users meet it: photos chosen in a browser, the mesh turned and downloaded, bad photos, no traces."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import chromium
import pytest
import trimesh
from PIL import Image

from shelfnet.prediction.checkpoints import packaged_checkpoint
from shelfnet.temporary import LOCK

pytest.importorskip("gradio", reason="the page needs the extra demo")
pytestmark = [
    pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the page in"),
    pytest.mark.skipif(packaged_checkpoint() is None, reason="no packaged weights"),
]

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "dining_chair.jpg"
DESKTOP, PHONE = (1280, 900), (390, 844)
QUICK = "refine: {iterations: 2, max_faces: 500, texture_px: 128}"
INPUT = "#photo input[type=file]"
TEXT = "document.querySelector('#told')?.innerText ?? ''"
VIEWER = "#mesh model-viewer"


@dataclass(frozen=True)
class Server:
    """A running ``shelfnet demo`` and the folders that it may write to."""

    process: subprocess.Popen
    url: str
    temporary: Path
    directory: Path

    def files(self) -> list[str]:
        """Names of the files of photos and meshes that it holds."""
        found = (path.name for folder in (self.temporary, self.directory) for path in folder.rglob("*.*"))
        return sorted(name for name in found if name != LOCK)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path) -> Server:
    """Start the command as its users do, in an empty folder, behind a proxy that does not answer."""
    temporary, directory = folder / "tmp", folder / "empty"
    temporary.mkdir(parents=True)
    directory.mkdir()
    (folder / "quick.yaml").write_text(QUICK)
    port, proxy = free_port(), "http://127.0.0.1:9"
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {f"{scheme}_proxy": proxy for scheme in ("http", "https", "all")}
    command = [sys.executable, "-m", "shelfnet", "demo", "--no-open", "--port", str(port)]
    command += ["--config", str(folder / "quick.yaml")]
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}/"
    assert process.stdout is not None
    assert any(url in line for line in process.stdout), "it ended before the page was there"
    return Server(process, url, temporary, directory)


def stop(server: Server) -> int:
    server.process.terminate()
    code = server.process.wait(chromium.TIMEOUT_S)
    server.process.stdout.close()
    return code


@pytest.fixture(scope="module", autouse=True)
def patience():
    """A prediction takes seconds of CPU time, and other tests may run beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chromium, "TIMEOUT_S", 300.0)
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("demo"))
    yield running
    stop(running)


@contextmanager
def tab(server, profile, size=DESKTOP, *, phone=False):
    """A browser that shows the page."""
    with chromium.chromium(profile, *chromium.WITH_WEBGL) as page:
        page.resize(*size, phone=phone)
        page.open(server.url)
        page.wait_for(f"document.querySelector({json.dumps(INPUT)}) !== null")
        yield page


def upload(page, photo: Path, told: str) -> str:
    """Choose a photo and wait until the page says something about it."""
    page.choose_file(INPUT, photo)
    return page.wait_for(TEXT, lambda text: told in text)


def wait_until(holds):
    end = time.monotonic() + chromium.TIMEOUT_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def test_a_photo_becomes_a_mesh_to_turn_and_download_and_leaves_nothing(server, tmp_path):
    downloads = tmp_path / "downloads"
    with tab(server, tmp_path / "profile") as page:
        told = upload(page, PHOTO, "azimuth")
        assert "plain background" in told and "elevation" in told
        assert page.wait_for("document.querySelector('#mask img')?.naturalWidth ?? 0") == 512
        viewer = f"document.querySelector({json.dumps(VIEWER)})"
        page.wait_for(f"{viewer}?.loaded ?? false")
        azimuth = f"{viewer}.getCameraOrbit().theta"
        before = page.evaluate(azimuth)
        page.drag(VIEWER, right=60, down=10)
        page.wait_for(azimuth, lambda now: abs(now - before) > 0.1)
        page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        page.click("#download")
        assert wait_until((downloads / "dining_chair.glb").is_file)
        assert {PHOTO.name, "dining_chair.glb", "mask.png"} <= set(server.files())
        hosts = {address.split("/")[2] for address in page.requests if address.startswith("http")}
        assert hosts == {server.url.split("/")[2]}
        assert page.errors == []
    mesh = trimesh.load_mesh(downloads / "dining_chair.glb")
    assert 0.8 < mesh.extents.max() < 1.2
    assert mesh.visual.material.baseColorTexture.size == (128, 128)
    assert wait_until(lambda: not server.files()), server.files()


def nothing(path: Path) -> None:
    """A photo without an object."""
    Image.new("RGB", (200, 200), (230, 230, 230)).save(path)


def text(path: Path) -> None:
    """A text file with the name of a photo."""
    path.write_text("not a photo")


def huge(path: Path) -> None:
    """A photo with 100 megapixels."""
    Image.new("L", (10_000, 10_000)).save(path, compress_level=1)


@pytest.mark.parametrize("make", [text, nothing, huge])
def test_a_bad_photo_has_one_line_and_the_page_goes_on(server, tmp_path, make):
    photo = tmp_path / f"{make.__name__}.png"
    make(photo)
    with tab(server, tmp_path / "profile", PHONE, phone=True) as page:
        told = upload(page, photo, photo.name)
        assert "\n" not in told.strip() and str(server.temporary) not in told
        assert page.evaluate("document.querySelector('#told .fault') !== null")
        assert page.evaluate(f"document.querySelector({json.dumps(VIEWER)}) === null")
        right_end = "document.querySelector('#mesh').getBoundingClientRect().right"
        assert page.evaluate(f"{right_end} <= window.innerWidth"), "a phone does not show the whole mesh"
        page.screenshot(tmp_path / "page.png")
    assert server.process.poll() is None
