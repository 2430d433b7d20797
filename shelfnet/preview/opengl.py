"""Import of pyrender for headless rendering, without its deprecation warnings."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")


@contextmanager
def known_deprecations() -> Iterator[None]:
    """Silence deprecation warnings: PyOpenGL 3.1.0 uses ``ndarray.tostring``, which NumPy 2 removes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


# Mesa's software renderer loads its LLVM into the process. If Triton, which torch.optim imports, loads its own LLVM
# later, the process crashes; the other order works.
with suppress(ImportError):
    import triton  # noqa: F401

with known_deprecations():
    import pyrender

__all__ = ["known_deprecations", "pyrender"]
