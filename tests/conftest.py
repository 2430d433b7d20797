"""Shapes in the annotations of the package are checked while the tests run."""

import os

# One thread per test process: `pytest -n` runs one process per core. Set before torch and numpy are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

install_import_hook("shelfnet", "beartype.beartype")

# Examples take longer when other test processes keep the cores busy.
settings.register_profile("parallel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parallel")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow tests, so that no process waits for one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
