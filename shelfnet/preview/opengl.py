"""Import of pyrender for headless rendering, without its deprecation warnings."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")


@contextmanager
def known_deprecations() -> Iterator[None]:
    """Silence deprecation warnings: PyOpenGL 3.1.0 uses ``ndarray.tostring``, which NumPy 2 removes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


with known_deprecations():
    import pyrender

__all__ = ["known_deprecations", "pyrender"]
