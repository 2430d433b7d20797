import re
import sys
from pathlib import Path

import pytest

from shelfnet.cli.outputs import PhotoOutputs
from shelfnet.cli.progress import CLEAR_LINE, Progress, peak_memory_mb, peak_memory_text

STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.is_file(), reason="no /proc here")
def test_peak_memory_matches_kernel():
    (high_water_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert peak_memory_mb() == pytest.approx(int(high_water_kib) * 1024 / 1e6, rel=0.02)


def test_peak_memory_text():
    assert re.match(rf"peak memory {peak_memory_mb():.0f} MB", peak_memory_text())


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_are_shown_on_a_terminal_alone(terminal, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    outputs = PhotoOutputs(Path("chair.jpg"), None, Path("chair.glb"))
    progress = Progress(3)
    progress.start(outputs)
    progress.step(7, 40)
    shown = capsys.readouterr().err
    assert ("[1/3] chair.jpg" in shown and "7 of 40" in shown and "\n" not in shown) == terminal
    progress.fail(outputs, ValueError("no"))
    assert capsys.readouterr().err.startswith(CLEAR_LINE) == terminal
