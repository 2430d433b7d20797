import re
from pathlib import Path

import pytest

from shelfnet.cli.progress import peak_memory_mb, peak_memory_text

STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.is_file(), reason="no /proc here")
def test_peak_memory_matches_kernel():
    high_water_kib = int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()).group(1))
    assert peak_memory_mb() == pytest.approx(high_water_kib * 1024 / 1e6, rel=0.02)


def test_peak_memory_text():
    assert re.match(rf"peak memory {peak_memory_mb():.0f} MB", peak_memory_text())
