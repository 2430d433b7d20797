"""Many decoded images of one size in one array, which memory need not hold."""

import os
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from jaxtyping import UInt8

from shelfnet.data.images import ImageError, decode_png
from shelfnet.data.shards.parquet import ShardError

IN_MEMORY_BYTES = 256 * 1024**2
"""Larger stacks lie in a temporary file, so that memory does not grow with the data set."""


class ImageStack:
    """Images by place, decoded into one array; the first one tells their size.

    Args:
        size: number of places.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: UInt8[np.ndarray, "n h w 4"] = np.empty((0, 0, 0, 4), dtype=np.uint8)

    def put(self, place: int, image: dict | None, path: Path, row: int) -> None:
        """Decode the value of an image column (``struct<bytes, path>``) into its place.

        Raises:
            ShardError: no image, or one of another size; the message names the file and the row.
        """
        try:
            pixels = decode_png((image or {}).get("bytes") or b"")
        except ImageError as error:
            raise ShardError(f"{path}: row {row}: the image cannot be decoded: {error}") from error
        if len(self.images) == 0:
            self.images = _room(self.size, pixels.shape[0], pixels.shape[1])
        if pixels.shape != self.images.shape[1:]:
            expected, got = (f"{shape[1]} x {shape[0]}" for shape in (self.images.shape[1:], pixels.shape))
            raise ShardError(f"{path}: row {row}: expected an image of {expected} pixels, got {got}")
        self.images[place] = pixels


def _room(n: int, height: int, width: int) -> UInt8[np.ndarray, "n h w 4"]:
    """An array in memory, or a mapped file without a name, whose pages the system takes back when it needs to."""
    shape = (n, height, width, 4)
    size = n * height * width * 4
    if size <= IN_MEMORY_BYTES:
        return np.zeros(shape, dtype=np.uint8)
    with TemporaryFile(prefix="shelfnet-images-") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # a disk that is full is told here, not by a crash later
        except OSError as error:
            what = f"{n} images of {width} x {height} pixels"
            raise ShardError(f"expected {size / 1e9:.1f} GB of temporary space (TMPDIR) for {what}: {error}") from error
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape).view(np.ndarray)
