"""A headless Chromium for tests, over the pipe of its DevTools protocol: real mouse, real fingers, real images."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-sync",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
WITH_WEBGL = ("--enable-unsafe-swiftshader",)
WITHOUT_WEBGL = ("--disable-3d-apis",)
TIMEOUT_S = 60.0


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator["Page"]:
    """A browser with one empty page; it ends with the block."""
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    # The browser wants the pipes as its descriptors 3 and 4.
    line = f'exec 103<&{to_browser} 104>&{from_browser} && exec "$0" "$@" 3<&103 4>&104'
    command = ["bash", "-c", line, BINARY, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL)
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(write, read)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)
        os.close(write)
        os.close(read)


class Page:
    """One page: what a reader can do with it, and what it did meanwhile.

    Attributes:
        requests: addresses that it asked for.
        errors: exceptions and error messages of its console.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._sent, self._buffer, self._loaded = 0, b"", False
        self._session: str | None = None
        self._frame: tuple[str, str] | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one command, to the page unless a session is named, and return its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        message |= {"sessionId": session or self._session} if session or self._session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._sent:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._receive()

    @contextmanager
    def inside(self, selector: str) -> Iterator[None]:
        """In the block, expressions and selectors are those of a sandboxed frame, a target of its own."""
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        own = self.call("Target.getTargetInfo")["targetInfo"]["targetId"]
        end = time.monotonic() + TIMEOUT_S
        while not (frames := [t for t in self.call("Target.getTargets")["targetInfos"] if t.get("parentId") == own]):
            if time.monotonic() > end:
                raise TimeoutError(f"{selector} stayed without a page")
            time.sleep(0.1)
        session = self.call("Target.attachToTarget", targetId=frames[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Runtime", "Network", "Log"):
            self.call(f"{domain}.enable", session=session)
        self._frame = (session, selector)
        try:
            yield
        finally:
            self._frame = None

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Another window, or another phone."""
        scale = 2 if phone else 1
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression; a promise is waited for."""
        session = self._frame[0] if self._frame else None
        result = self.call(
            "Runtime.evaluate", session=session, expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def wait_for(self, expression: str, accept: Callable[[Any], bool] = bool) -> Any:
        """Evaluate again and again until the value is accepted."""
        end = time.monotonic() + TIMEOUT_S
        while not accept(value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression} stayed {value!r}")
            time.sleep(0.1)
        return value

    def middle_of(self, selector: str) -> tuple[float, float]:
        """Where the middle of the first such element is, after scrolling there."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{element}.scrollIntoView({{block: 'center', inline: 'center'}})")
        box = self.evaluate(f"{element}.getBoundingClientRect().toJSON()")
        left, top = self._frame_corner()
        return left + box["x"] + box["width"] / 2, top + box["y"] + box["height"] / 2

    def click(self, selector: str) -> None:
        """A click of the left button."""
        x, y = self.middle_of(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in a file input."""
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])

    def drag(self, selector: str, right: float, down: float) -> None:
        """Press the left button on an element, move, and let go."""
        x, y = self.middle_of(selector)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        for step in (0.5, 1.0):
            where = {"x": x + step * right, "y": y + step * down}
            self.call("Input.dispatchMouseEvent", type="mouseMoved", **where, button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **where, button="left", clickCount=1)

    def swipe(self, selector: str, right: float, down: float) -> None:
        """Put a finger on an element, move it, and lift it."""
        x, y = self.middle_of(selector)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        for step in (0.25, 0.5, 0.75, 1.0):
            point = {"x": x + step * right, "y": y + step * down}
            self.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[point])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _frame_corner(self) -> tuple[float, float]:
        """Where on the page what happens inside the entered frame happens: the mouse knows the page alone."""
        if self._frame is None:
            return 0.0, 0.0
        (_, selector), entered, self._frame = self._frame, self._frame, None
        box = self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        self._frame = entered
        return box["x"], box["y"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], TIMEOUT_S)
            chunk = os.read(self._read, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser has gone" if ready else f"the browser said nothing for {TIMEOUT_S:g} s")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return self._noted(json.loads(message))

    def _noted(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message, after what it says about the page was written down."""
        told, parameters = message.get("method"), message.get("params", {})
        if told == "Page.loadEventFired":
            self._loaded = True
        elif told == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif told == "Runtime.exceptionThrown":
            self.errors.append(parameters["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif told == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.errors.append(str(parameters["args"]))
        elif told == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        return message
