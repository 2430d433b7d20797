"""pyrender, imported with a platform that needs no display, and with its known deprecation warnings kept apart."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")


@contextmanager
def known_deprecations() -> Iterator[None]:
    """PyOpenGL 3.1.0 calls ``tostring`` of NumPy arrays, which works until NumPy 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


with known_deprecations():
    import pyrender

__all__ = ["known_deprecations", "pyrender"]
