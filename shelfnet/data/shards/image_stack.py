"""Many decoded images of one size in one array, which may exceed the memory."""

import os
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from jaxtyping import UInt8

from shelfnet.data.images import ImageError, decode_png
from shelfnet.data.shards.schema import ShardError

IN_MEMORY_BYTES = 256 * 1024**2
"""Larger stacks are mapped from a temporary file, so that memory does not grow with the data set."""


class ImageStack:
    """Decoded images in one array, whose image size is that of the first one put in.

    Args:
        size: Number of images.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: UInt8[np.ndarray, "n h w 4"] = np.empty((0, 0, 0, 4), dtype=np.uint8)

    def put(self, index: int, image: dict | None, path: Path, row: int) -> None:
        """Decode the value of an image column (``struct<bytes, path>``) into the array.

        Raises:
            ShardError: There is no image, or it has another size; the message names the file and the row.
        """
        try:
            pixels = decode_png((image or {}).get("bytes") or b"")
        except ImageError as error:
            raise ShardError(f"{path}: row {row}: the image cannot be decoded: {error}") from error
        if len(self.images) == 0:
            self.images = _allocate(self.size, pixels.shape[0], pixels.shape[1])
        if pixels.shape != self.images.shape[1:]:
            expected, got = (f"{shape[1]} x {shape[0]}" for shape in (self.images.shape[1:], pixels.shape))
            raise ShardError(f"{path}: row {row}: expected an image of {expected} pixels, got {got}")
        self.images[index] = pixels


def _allocate(n: int, height: int, width: int) -> UInt8[np.ndarray, "n h w 4"]:
    """An array in memory, or one mapped from an unnamed file, whose pages the system can evict."""
    shape = (n, height, width, 4)
    size = n * height * width * 4
    if size <= IN_MEMORY_BYTES:
        return np.zeros(shape, dtype=np.uint8)
    with TemporaryFile(prefix="shelfnet-images-") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk raises here instead of crashing a later write
        except OSError as error:
            images = f"{n} images of {width} x {height} pixels"
            message = f"expected {size / 1e9:.1f} GB of temporary space (TMPDIR) for {images}: {error}"
            raise ShardError(message) from error
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape).view(np.ndarray)
