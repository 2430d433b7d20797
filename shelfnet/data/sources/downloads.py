"""Resumable downloads of large files, verified by size and SHA-256.

The HTTP client is that of the standard library: no dependency of the workflow resumes downloads, and a new one would
only add a header.
"""

import logging
import re
import shutil
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, url2pathname, urlopen

from shelfnet.provenance import file_digest
from shelfnet.publishing import publish

CHUNK_BYTES = 1024**2
MAX_BYTES = 256 * 1024**3
TIMEOUT_S = 60.0
ATTEMPTS = 5
"""Maximum number of consecutive attempts without progress."""
PAUSE_S = 2.0
"""Pause before the second attempt; it doubles with each further one."""
LOG_INTERVAL_S = 10.0
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_REFUSED = 416
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

log = logging.getLogger(__name__)


class DownloadError(ValueError):
    """A file cannot be downloaded or is not the expected one; the message names it."""


class _ConnectionLostError(OSError):
    """The connection ended before the end of the file."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: its address (``http``, ``https`` or ``file``), SHA-256 and, if known, size."""

    url: str
    sha256: str
    size_bytes: int | None = None

    @property
    def shown(self) -> str:
        """The address without user, password and query, which may contain access tokens."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def name(self) -> str:
        """File name on disk: the last part of the address in safe characters."""
        last = PurePosixPath(unquote(urlsplit(self.url).path)).name
        return re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".-") or "download"


def fetch(remote: RemoteFile, folder: Path, pause_s: float = PAUSE_S) -> Path:
    """Path of the file on this machine; it is downloaded unless ``folder`` already has it.

    An interrupted download is kept in ``<digest>-<name>.part`` and resumed, or restarted if the server does not support
    ranges. A file of a mounted mirror (``file://``) is verified and used in place.

    Args:
        remote: The file.
        folder: Folder of downloaded files.
        pause_s: Pause before the second attempt in seconds.

    Raises:
        DownloadError: The file cannot be downloaded, or its size or digest differs.
    """
    address = urlsplit(remote.url)
    if address.scheme == "file":
        local = Path(url2pathname(address.path))
        if not local.is_file():
            raise DownloadError(f"{remote.shown}: the file does not exist")
        return _verified(remote, local)
    final = folder / f"{remote.sha256[:12].lower()}-{remote.name}"
    if final.is_file():
        return _verified(remote, final)
    folder.mkdir(parents=True, exist_ok=True)
    part = final.with_name(final.name + ".part")
    resumed = part.exists()
    _complete(remote, part, pause_s)
    try:
        _verified(remote, part)
    except DownloadError:
        part.unlink()
        if not resumed:
            raise
        log.warning("%s changed since the download began; starting again", remote.shown)
        return fetch(remote, folder, pause_s)
    publish(part, final)
    return final


def _verified(remote: RemoteFile, path: Path) -> Path:
    size = path.stat().st_size
    if remote.size_bytes is not None and size != remote.size_bytes:
        raise DownloadError(f"{remote.shown}: expected {remote.size_bytes} bytes, got {size}")
    digest = file_digest(path)
    if digest != remote.sha256.lower():
        raise DownloadError(f"{remote.shown}: expected SHA-256 {remote.sha256.lower()}, got {digest} ({path})")
    return path


def _complete(remote: RemoteFile, part: Path, pause_s: float) -> None:
    """Append to ``part`` until it is complete, with retries."""
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _fetch_rest(remote, part)
        except HTTPError as error:
            if error.code not in RETRIED_STATUSES:
                raise DownloadError(f"{remote.shown}: the server answers {error.code} {error.reason}") from error
            reason = f"{error.code} {error.reason}"
        except (URLError, HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        idle = idle + 1 if part.stat().st_size <= before else 0
        if idle >= ATTEMPTS:
            raise DownloadError(f"{remote.shown}: no data in {ATTEMPTS} attempts, the last one: {reason}")
        log.warning("%s: interrupted (%s); trying again", remote.shown, reason)
        time.sleep(pause_s * 2.0**idle)


def _fetch_rest(remote: RemoteFile, part: Path) -> None:
    part.touch()
    have = part.stat().st_size
    if have and have == remote.size_bytes:
        return
    try:
        headers = {"User-Agent": "shelfnet", "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={have}-"} if have else {}
        answer = urlopen(Request(remote.url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code != RANGE_REFUSED or not have:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return
        part.write_bytes(b"")
        raise _ConnectionLostError("the partial file is longer than the file") from error
    with answer:
        start, total = _extent(answer, have)
        _check_total(remote, total, part, start)
        _append(remote, answer, part, start, total)


def _extent(answer: HTTPResponse, have: int) -> tuple[int, int | None]:
    """Offset in the file at which the response begins, and the size of the whole file if the server states it."""
    if answer.status == 206:
        match = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise _ConnectionLostError(f"asked for bytes from {have}, got {answer.headers.get('Content-Range')!r}")
        return have, None if match[2] == "*" else int(match[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _check_total(remote: RemoteFile, total: int | None, part: Path, start: int) -> None:
    if total is None:
        return
    if remote.size_bytes is not None and total != remote.size_bytes:
        raise DownloadError(f"{remote.shown}: expected {remote.size_bytes} bytes, the server has {total}")
    if total > MAX_BYTES:
        raise DownloadError(f"{remote.shown}: expected at most {MAX_BYTES} bytes, the server has {total}")
    free = shutil.disk_usage(part.parent).free
    if total - start > free:
        raise DownloadError(f"{remote.shown}: {total - start} bytes to fetch, {free} free in {part.parent}")


def _append(remote: RemoteFile, answer: HTTPResponse, part: Path, start: int, total: int | None) -> None:
    limit = remote.size_bytes or total or MAX_BYTES
    progress = _DownloadProgress(remote.shown, start, total or remote.size_bytes)
    with part.open("r+b") as sink:
        sink.truncate(start)
        sink.seek(start)
        while chunk := answer.read1(CHUNK_BYTES):
            sink.write(chunk)
            progress.advance(len(chunk))
            if progress.done > limit:
                raise DownloadError(f"{remote.shown}: expected {limit} bytes, the server sends more")
    if total is not None and progress.done < total:
        raise _ConnectionLostError(f"the connection ended after {progress.done} of {total} bytes")


class _DownloadProgress:
    """Logs the progress of a download at intervals."""

    def __init__(self, name: str, done: int, total: int | None) -> None:
        self.done = done
        self._name = name
        self._total = total
        self._initial = done
        self._started = self._logged = time.monotonic()

    def advance(self, n_bytes: int) -> None:
        """Count received bytes."""
        self.done += n_bytes
        now = time.monotonic()
        if now - self._logged >= LOG_INTERVAL_S or self.done == self._total:
            rate = (self.done - self._initial) / max(now - self._started, 1e-9)
            total = f" of {self._total / 1e6:.0f}" if self._total else ""
            log.info("%s: %.0f%s MB, %.1f MB/s", self._name, self.done / 1e6, total, rate / 1e6)
            self._logged = now
