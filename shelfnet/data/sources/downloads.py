"""Large files from other machines: interruptions lose nothing, and only what was meant is kept.

The standard library's client is used: none of the libraries that the workflow installs anyway continues a file, and
each of those that do would be one more dependency for what HTTP calls one header.
"""

import logging
import re
import shutil
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, url2pathname, urlopen

from shelfnet.provenance import file_digest
from shelfnet.publishing import publish

CHUNK_BYTES = 1024**2
MAX_BYTES = 256 * 1024**3
TIMEOUT_S = 60.0
"""Longest silence of a server."""
ATTEMPTS = 5
"""In a row without a single new byte."""
PAUSE_S = 2.0
"""Before the second attempt; doubles with each further one."""
LOG_INTERVAL_S = 10.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say: try again later."""
RANGE_REFUSED = 416
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

logger = logging.getLogger(__name__)


class DownloadError(ValueError):
    """A file cannot be had, or is not what was meant; the message names it and says what to do."""


class _BrokenOffError(OSError):
    """The server stopped before the end of the file."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: where it is (``http``, ``https`` or ``file``), its SHA-256 and, where known, its size."""

    url: str
    sha256: str
    size_bytes: int | None = None

    @property
    def shown(self) -> str:
        """The address without user, password and query, where access tokens stand."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def name(self) -> str:
        """What the file is called on disk: the address's last part, in harmless characters."""
        last = PurePosixPath(unquote(urlsplit(self.url).path)).name
        return re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".-") or "download"


def fetch(remote: RemoteFile, folder: Path, pause_s: float = PAUSE_S) -> Path:
    """The file on this machine, fetched unless ``folder`` has it already.

    What was fetched so far lies in ``<digest>-<name>.part``; an interrupted fetch goes on from there, with a server
    that can send parts of files, or starts again, with one that cannot. A file of a mounted mirror (``file://``) is
    checked and used where it is.

    Args:
        remote: the file.
        folder: keeps fetched files.
        pause_s: before the second attempt.

    Raises:
        DownloadError: it cannot be had, or its size or digest is another one.
    """
    if urlsplit(remote.url).scheme == "file":
        return _checked(remote, _local_path(remote))
    final = folder / f"{remote.sha256[:12].lower()}-{remote.name}"
    if final.is_file():
        return _checked(remote, final)
    folder.mkdir(parents=True, exist_ok=True)
    part = final.with_name(final.name + ".part")
    continued = part.exists()
    _complete(remote, part, pause_s)
    try:
        _checked(remote, part)
    except DownloadError:
        part.unlink()
        if not continued:
            raise
        logger.warning("%s changed since it was begun; fetching it afresh", remote.shown)
        return fetch(remote, folder, pause_s)
    publish(part, final)
    return final


def _local_path(remote: RemoteFile) -> Path:
    path = Path(url2pathname(urlsplit(remote.url).path))
    if not path.is_file():
        raise DownloadError(f"{remote.shown}: expected a file, there is none")
    return path


def _checked(remote: RemoteFile, path: Path) -> Path:
    size = path.stat().st_size
    if remote.size_bytes is not None and size != remote.size_bytes:
        raise DownloadError(f"{remote.shown}: expected {remote.size_bytes} bytes, got {size}")
    digest = file_digest(path)
    if digest != remote.sha256.lower():
        raise DownloadError(f"{remote.shown}: expected SHA-256 {remote.sha256.lower()}, got {digest} ({path})")
    return path


def _complete(remote: RemoteFile, part: Path, pause_s: float) -> None:
    """Append to ``part`` until the server says that it is whole."""
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _fetch_rest(remote, part)
        except HTTPError as error:
            if error.code not in PASSING:
                raise DownloadError(f"{remote.shown}: the server answers {error.code} {error.reason}") from error
            reason = f"{error.code} {error.reason}"
        except (URLError, HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        idle = idle + 1 if part.stat().st_size <= before else 0
        if idle >= ATTEMPTS:
            raise DownloadError(f"{remote.shown}: nothing came in {ATTEMPTS} attempts, the last time: {reason}")
        logger.warning("%s: interrupted (%s); trying again", remote.shown, reason)
        time.sleep(pause_s * 2.0**idle)


def _fetch_rest(remote: RemoteFile, part: Path) -> None:
    part.touch()
    have = part.stat().st_size
    if have and have == remote.size_bytes:
        return
    try:
        answer = urlopen(_request(remote, have), timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code != RANGE_REFUSED or not have:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return
        part.write_bytes(b"")
        raise _BrokenOffError("what is here is longer than the file") from error
    with answer:
        start, total = _extent(answer, have)
        _check_total(remote, total, part, start)
        _append(remote, answer, part, start, total)


def _request(remote: RemoteFile, have: int) -> Request:
    headers = {"User-Agent": "shelfnet", "Accept-Encoding": "identity"}
    return Request(remote.url, headers=headers | ({"Range": f"bytes={have}-"} if have else {}))


def _extent(answer, have: int) -> tuple[int, int | None]:
    """Where in the file the answer begins, and how long the whole file is, where the server says it."""
    if answer.status == 206:
        match = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise _BrokenOffError(f"asked for bytes from {have}, got {answer.headers.get('Content-Range')!r}")
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


def _append(remote: RemoteFile, answer, part: Path, start: int, total: int | None) -> None:
    limit = remote.size_bytes or total or MAX_BYTES
    progress = _Progress(remote.shown, start, total or remote.size_bytes)
    with part.open("r+b") as sink:
        sink.truncate(start)
        sink.seek(start)
        while chunk := answer.read1(CHUNK_BYTES):
            sink.write(chunk)
            progress.advance(len(chunk))
            if progress.done > limit:
                raise DownloadError(f"{remote.shown}: expected {limit} bytes, the server goes on after them")
    if total is not None and progress.done < total:
        raise _BrokenOffError(f"the connection ended after {progress.done} of {total} bytes")


class _Progress:
    """How far a file is, told to the log at intervals."""

    def __init__(self, name: str, done: int, total: int | None) -> None:
        self.done = done
        self._name = name
        self._total = total
        self._begun = done
        self._started = self._told = time.monotonic()

    def advance(self, n_bytes: int) -> None:
        """Count bytes that came."""
        self.done += n_bytes
        now = time.monotonic()
        if now - self._told >= LOG_INTERVAL_S or self.done == self._total:
            rate = (self.done - self._begun) / max(now - self._started, 1e-9)
            share = f" of {self._total / 1e6:.0f}" if self._total else ""
            logger.info("%s: %.0f%s MB, %.1f MB/s", self._name, self.done / 1e6, share, rate / 1e6)
            self._told = now
