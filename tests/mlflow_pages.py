"""MLflow's pages about finished results, served as the documentation starts them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

STARTS_WITHIN_S = 120.0
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextmanager
def mlflow_pages(folder: Path) -> Iterator[str]:
    """Address of the pages about ``results/mlflow.db`` in a folder, while in the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", "sqlite:///results/mlflow.db"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | QUIET, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its workers are processes of their own.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30.0)


def _wait_until_healthy(address: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        try:
            return urllib.request.urlopen(address, timeout=5.0).close()
        except (URLError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"{address} did not answer")
