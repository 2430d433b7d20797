"""The page as its users meet it: photos chosen in a browser, the mesh turned and downloaded, bad photos, no traces."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import chromium
import pytest
import trimesh

from shelfnet.prediction.checkpoints import packaged_checkpoint

pytest.importorskip("gradio", reason="the page needs the extra demo")
pytestmark = [
    pytest.mark.skipif(chromium.BINARY is None, reason="no chromium to open the page in"),
    pytest.mark.skipif(packaged_checkpoint() is None, reason="no packaged weights"),
]

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "dining_chair.jpg"
DESKTOP, PHONE = (1280, 900), (390, 844)
START_S = 120.0
INPUT = "#photo input[type=file]"
TEXT = "document.querySelector('#told').innerText"


@dataclass(frozen=True)
class Server:
    """A running ``shelfnet demo`` and the folders that it may write to."""

    process: subprocess.Popen
    url: str
    temporary: Path
    directory: Path

    def files(self) -> set[str]:
        """Names of the files in its temporary folder, without those of the examples."""
        examples = {path.name for path in (ROOT / "examples").iterdir()} - {PHOTO.name}
        return {path.name for path in self.temporary.rglob("*") if path.is_file()} - examples


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path) -> Server:
    temporary, directory = folder / "tmp", folder / "empty"
    temporary.mkdir(parents=True)
    directory.mkdir()
    nowhere = "http://127.0.0.1:9"
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "HTTPS_PROXY": nowhere, "https_proxy": nowhere}
    command = [sys.executable, "-m", "shelfnet", "demo", "--no-open", "--port", str(free_port())]
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
    line = ""
    for line in process.stdout:
        if "http://" in line:
            break
    return Server(process, line.split()[4], temporary, directory)


def stop(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(60.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("demo"))
    yield running
    stop(running)


@pytest.fixture
def page(server, tmp_path):
    with chromium.chromium(tmp_path / "profile", *chromium.WITH_WEBGL) as opened:
        opened.resize(*DESKTOP)
        opened.open(server.url)
        opened.wait_for(f"document.querySelector({json.dumps(INPUT)}) !== null")
        yield opened


def predict(page, photo: Path) -> str:
    """Choose a photo and wait for what the page says about it."""
    page.evaluate("document.querySelector('#told').dataset.old = document.querySelector('#told').innerText")
    page.choose_file(INPUT, photo)
    return page.wait_for(TEXT, lambda text: photo.stem in text or "azimuth" in text)


def test_a_photo_becomes_a_mask_and_a_mesh_to_turn_and_download(server, page, tmp_path):
    told = predict(page, PHOTO)
    assert "plain ground" in told and "azimuth" in told
    assert page.wait_for("document.querySelector('#mask img')?.naturalWidth ?? 0") == 512
    page.wait_for("document.querySelector('#mesh canvas') !== null")
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#download")
    wanted = tmp_path / f"{PHOTO.stem}.glb"
    end = time.monotonic() + 20.0
    while not wanted.is_file() and time.monotonic() < end:
        time.sleep(0.1)
    mesh = trimesh.load(wanted, force="mesh")
    assert 0.9 < mesh.extents.max() < 1.1
    assert mesh.visual.material.baseColorTexture.size[0] >= 64
    assert {address.split("/")[2] for address in page.requests if "://" in address} == {server.url.split("/")[2]}
    assert page.errors == []
