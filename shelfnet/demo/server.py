"""The local web server of ``shelfnet demo``."""

import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelfnet.prediction.predictor import Predictor
from shelfnet.temporary import temporary_folder

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ALL_INTERFACES = ("0.0.0.0", "::")
MAX_UPLOAD = "32mb"
"""Largest file that is accepted."""

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:"
)
"""Content security policy: a browser asks no other host, whatever a script of the page wants."""


class AddressError(ValueError):
    """The server cannot listen at an address; the message says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where the server listens.

    Attributes:
        host: Name or address of an interface of this machine.
        port: TCP port.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """Address of the page for a browser on this machine."""
        host = "localhost" if self.host in ALL_INTERFACES else self.host
        return f"http://{_bracketed(host)}:{self.port}/"

    def check(self) -> None:
        """Refuse an address at which this process cannot listen.

        Raises:
            AddressError: The port is in use or not allowed, or the host is not this machine.
        """
        try:
            family, kind, _, _, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except socket.gaierror as error:
            raise AddressError(f"--host {self.host}: no such host: {error.strerror}") from error
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise AddressError(
                f"cannot listen at {self.host}:{self.port}: {reason}; choose another --port or --host"
            ) from error


def serve(predictor: Predictor, address: Address, examples: Sequence[Path], *, open_browser: bool) -> None:
    """Serve the page until the process is interrupted or terminated. Its files are then removed.

    Args:
        predictor: Trained model.
        address: Where to listen.
        examples: Photos to try.
        open_browser: Whether to open the page in the user's browser.

    Raises:
        AddressError: The server does not start.
    """
    with temporary_folder("demo") as folder:
        root = folder.resolve()
        _configure_gradio(root, address)
        from shelfnet.demo.page import CSS, SCRIPTS, THEME, build_page  # imports Gradio, which reads the environment

        page = build_page(predictor, examples, root)
        try:
            page.launch(
                server_name=_bracketed(address.host),
                server_port=address.port,
                inbrowser=open_browser,
                share=False,
                quiet=True,
                show_error=True,
                prevent_thread_lock=True,
                max_file_size=MAX_UPLOAD,
                run_history=False,
                footer_links=[],
                ssr_mode=False,
                mcp_server=False,
                theme=THEME,
                css=CSS,
                head=SCRIPTS,
                app_kwargs={"middleware": _middleware(address)},
            )
        except OSError as error:
            raise AddressError(f"cannot listen at {address.host}:{address.port}: {error}") from error
        print(f"the page is at {address.url} (Ctrl+C ends it)", flush=True)
        if address.host not in LOOPBACK:
            print("everyone who can reach this machine can use it", file=sys.stderr, flush=True)
        _wait_for_a_signal()
        page.close(verbose=False)
        # A running prediction ends when it finds its folder gone. What it still writes goes with the second removal.
        shutil.rmtree(root, ignore_errors=True)


def _bracketed(host: str) -> str:
    """The host as URLs and Gradio write it: IPv6 addresses stand in brackets."""
    return f"[{host}]" if ":" in host else host


def _configure_gradio(folder: Path, address: Address) -> None:
    """Send nothing to Gradio's makers, keep files in a folder of this process, and reach the server without a proxy."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), *LOOPBACK, address.host)))


def _middleware(address: Address) -> list[Middleware]:
    """Refuse requests for other hosts, which a page elsewhere could send by DNS rebinding; add the content policy."""
    allowed = [_bracketed(host) for host in LOOPBACK]
    guard = [Middleware(TrustedHostMiddleware, allowed_hosts=allowed)] if address.host in LOOPBACK else []
    return [*guard, Middleware(ContentPolicy)]


class ContentPolicy:
    """Adds :data:`POLICY` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, send_with_policy)


def _wait_for_a_signal() -> None:
    """Wait until the user or the system ends this process."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
