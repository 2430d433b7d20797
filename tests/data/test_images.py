import struct
import zlib

import numpy as np
import pytest

from shelfnet.data.images import ImageError, decode_png


def test_png_round_trip(png):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    np.testing.assert_array_equal(decode_png(png(pixels)), pixels)


def test_other_modes_become_rgba(png):
    assert decode_png(png(np.full((2, 3), 9, np.uint8)))[0, 0].tolist() == [9, 9, 9, 255]


@pytest.mark.parametrize("side_px", [10_000, 40_000])
def test_bomb_refused_by_header(side_px):
    """Many pixels in a few bytes: the header alone is enough to refuse them."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, b"IDAT")
    ]
    with pytest.raises(ImageError, match="pixels"):
        decode_png(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_limit_is_inclusive(png):
    image = png(np.zeros((4, 4, 4), np.uint8))
    assert decode_png(image, max_pixels=16).shape == (4, 4, 4)
    with pytest.raises(ImageError, match="at most 15 pixels, got 4 x 4"):
        decode_png(image, max_pixels=15)


def test_wrong_checksum_refused(png):
    image = bytearray(png(np.zeros((4, 4, 4), np.uint8)))
    image[image.index(b"IEND") - 5] ^= 0xFF
    with pytest.raises(ImageError, match="PNG"):
        decode_png(bytes(image))


def test_damaged_png_refused(png):
    image = png(np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8))
    flipped = bytearray(image)
    flipped[len(flipped) // 2] ^= 0xFF
    for damaged in (b"", b"<html></html>", image[: len(image) // 2], bytes(flipped), b"\xff\xd8\xff\xe0 JFIF"):
        with pytest.raises(ImageError, match="PNG"):
            decode_png(damaged)
