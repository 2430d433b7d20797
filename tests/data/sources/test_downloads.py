import hashlib
import logging
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shelfnet.data.sources import downloads
from shelfnet.data.sources.downloads import DownloadError, RemoteFile, fetch

CONTENT = bytes(range(256)) * 4096  # one MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves one file over HTTP with configurable faults."""

    def __init__(self):
        self.content = CONTENT
        self.ranges = True
        self.drop_after = None  # bytes sent before the connection drops, for the first drops_left responses
        self.drops_left = 0
        self.claimed_length = None
        self.statuses = []  # statuses of the first responses
        self.range_start_error = 0
        self.asked = []  # first requested byte of every request
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def remote(self, sha256=SHA256, size_bytes=None, query=""):
        return RemoteFile(f"http://127.0.0.1:{self.http.server_port}/parts/part%201.zip{query}", sha256, size_bytes)

    def answer(self, handler):
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.asked.append(start)
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if start >= len(self.content) and self.ranges:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
            handler.end_headers()
            return
        start = start if self.ranges else 0
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        if start:
            first = start + self.range_start_error
            handler.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        if self.claimed_length != "none":
            handler.send_header("Content-Length", str(self.claimed_length or len(body)))
        handler.end_headers()
        if self.drops_left:
            self.drops_left -= 1
            body = body[: self.drop_after]
        handler.wfile.write(body)
        handler.close_connection = True


@pytest.fixture
def server():
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def get(remote, folder):
    return fetch(remote, folder, pause_s=0.001)


def test_file_fetched_once_under_safe_name(tmp_path, server):
    path = get(server.remote(size_bytes=len(CONTENT)), tmp_path)
    assert path.name == f"{SHA256[:12]}-part_1.zip"
    assert path.read_bytes() == CONTENT
    assert get(server.remote(), tmp_path) == path
    assert server.asked == [0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ranges", [True, False])
def test_dropped_connection_resumes_or_restarts(tmp_path, server, ranges):
    server.ranges = ranges
    server.drop_after, server.drops_left = 300_000, 2
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == ([0, 300_000, 600_000] if ranges else [0, 300_000, 300_000])


def test_next_run_resumes(tmp_path, server):
    (tmp_path / f"{SHA256[:12]}-part_1.zip.part").write_bytes(CONTENT[:1000])
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [1000]


def test_complete_part_verified_and_kept(tmp_path, server):
    (tmp_path / f"{SHA256[:12]}-part_1.zip.part").write_bytes(CONTENT)
    path = get(server.remote(size_bytes=len(CONTENT)), tmp_path)
    assert server.asked == []
    path.rename(path.with_name(path.name + ".part"))
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [len(CONTENT)]


def test_overlong_part_restarted(tmp_path, server):
    (tmp_path / f"{SHA256[:12]}-part_1.zip.part").write_bytes(CONTENT + b"more")
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [len(CONTENT) + 4, 0]


def test_restart_truncates_part(tmp_path, server):
    server.ranges = False
    (tmp_path / f"{SHA256[:12]}-part_1.zip.part").write_bytes(CONTENT + b"more")
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [len(CONTENT) + 4]


def test_part_of_other_file_discarded(tmp_path, server):
    (tmp_path / f"{SHA256[:12]}-part_1.zip.part").write_bytes(b"x" * 1000)
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [1000, 0]


@pytest.mark.parametrize("size_bytes", [None, len(CONTENT)])
def test_wrong_digest_refused(tmp_path, server, size_bytes):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadError, match=rf"part%201\.zip: expected SHA-256 {SHA256}, got [0-9a-f]{{64}}"):
        get(server.remote(size_bytes=size_bytes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_size_refused_before_download(tmp_path, server):
    with pytest.raises(DownloadError, match=f"5 bytes, .*{len(CONTENT)}"):
        get(server.remote(size_bytes=5), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_server_sends_too_little(tmp_path, server):
    server.claimed_length = len(CONTENT) + 10
    server.ranges = False
    with pytest.raises(DownloadError, match=r"5 attempts, .*of 1048586 bytes"):
        get(server.remote(), tmp_path)


def test_server_understates_length(tmp_path, server):
    server.claimed_length = 1000
    with pytest.raises(DownloadError, match="expected SHA-256"):
        get(server.remote(), tmp_path)


def test_endless_server_stopped(tmp_path, server):
    server.claimed_length = "none"
    with pytest.raises(DownloadError, match="expected 1000 bytes"):
        get(server.remote(size_bytes=1000), tmp_path)


def test_server_without_length(tmp_path, server):
    server.claimed_length = "none"
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT


def test_wrong_range_not_appended(tmp_path, server):
    server.drop_after, server.drops_left, server.range_start_error = 1000, 1, 7
    with pytest.raises(DownloadError, match=r"1000, .*1007-"):
        get(server.remote(), tmp_path)


def test_transient_faults_retried(tmp_path, server):
    server.statuses = [503, 429]
    assert get(server.remote(), tmp_path).read_bytes() == CONTENT
    server.statuses = [403]
    with pytest.raises(DownloadError, match="403"):
        get(server.remote(sha256="0" * 64), tmp_path)
    assert server.asked == [0, 0, 0, 0]


def test_no_server_refused(tmp_path):
    with pytest.raises(DownloadError, match=r"5 attempts, .*refused"):
        get(RemoteFile("http://127.0.0.1:9/x.zip", SHA256), tmp_path)


def test_secrets_not_logged(tmp_path, server, caplog, monkeypatch):
    monkeypatch.setattr(downloads, "LOG_INTERVAL_S", 0.0)
    with caplog.at_level(logging.INFO), pytest.raises(DownloadError) as caught:
        get(server.remote(sha256="0" * 64, query="?token=pass4711"), tmp_path)
    assert "pass4711" not in str(caught.value) + caplog.text
    assert RemoteFile("https://user:secret@host/x", SHA256).shown == "https://host/x"
    assert "1 of 1 MB" in caplog.text


def test_full_disk_refused(tmp_path, server, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(DownloadError, match=r"1048576 bytes .*10 free"):
        get(server.remote(), tmp_path)


def test_file_url_used_in_place(tmp_path):
    mirrored = tmp_path / "a mirror" / "x.zip"
    mirrored.parent.mkdir()
    mirrored.write_bytes(CONTENT)
    assert get(RemoteFile(mirrored.as_uri(), SHA256.upper(), len(CONTENT)), tmp_path / "downloads") == mirrored
    assert not (tmp_path / "downloads").exists()
    with pytest.raises(DownloadError, match="expected SHA-256"):
        get(RemoteFile(mirrored.as_uri(), "0" * 64), tmp_path)
    assert mirrored.exists()
    with pytest.raises(DownloadError, match=r"absent\.zip"):
        get(RemoteFile((tmp_path / "absent.zip").as_uri(), SHA256), tmp_path)


@pytest.mark.parametrize("path", ["..%2F..%2Fetc%2Fpasswd", ".hidden", "-option", "", "%00"])
def test_names_stay_inside_folder(path):
    name = RemoteFile(f"http://host/{path}", SHA256).name
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)
