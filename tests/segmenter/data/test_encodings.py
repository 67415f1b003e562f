import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.encodings import (
    ColourValues,
    IndexValues,
    RedGreenValues,
    SegmentValues,
    read_raw,
)

VALUES = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)
COLOURS = ColourValues(ids=((BLACK, 0), (RED, 1), (BLUE, 2)))


def palette_image(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values)
    image.putpalette([*BLACK, *RED, *BLUE])
    return image


def deep_rgb_png(path: Path) -> None:
    """One pixel of 16 bits a channel, which Pillow reads and does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">HHH", 3, 3, 3)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (Image.fromarray(VALUES), "a.png"),
        (palette_image(VALUES), "a.png"),
        (palette_image(VALUES), "a.gif"),
        (palette_image(VALUES), "a.bmp"),
        (Image.fromarray(VALUES.astype(np.uint16)), "a.tif"),
        (Image.fromarray(VALUES.astype(np.int32)), "a.tiff"),
        (Image.fromarray(VALUES).convert("LA"), "a.png"),
        (Image.fromarray(VALUES).convert("RGB"), "a.png"),  # three times the same value
        (Image.fromarray(VALUES).convert("RGBA"), "a.png"),
    ],
)
def test_read_raw__finds_the_values_in_every_form_that_has_one_a_pixel(tmp_path, image, name):
    image.save(tmp_path / name)
    np.testing.assert_array_equal(read_raw(tmp_path / name).ids, VALUES)


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_read_raw__finds_the_ids_of_colours_in_a_palette_or_not(tmp_path, mode):
    reordered = palette_image(2 - VALUES)
    reordered.putpalette([*BLUE, *RED, *BLACK])  # the same picture, other indices
    reordered.convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_raw(tmp_path / "a.png", COLOURS).ids, VALUES)


def test_read_raw__names_colours_that_no_class_has_and_how_many_pixels(tmp_path):
    path = tmp_path / "a.png"
    palette_image(VALUES).convert("RGB").save(path)
    with pytest.raises(InputError, match=r"a.png: wanted the classes' colours, .*#0000ff on 2 pix"):
        read_raw(path, ColourValues(ids=((BLACK, 0), (RED, 1))))
    with pytest.raises(InputError, match=r"got colours: #.* on 2 pixels, .*; give the classes th"):
        read_raw(path)


def test_read_raw__gives_the_palette_by_which_files_can_be_told_apart(tmp_path):
    palette_image(VALUES).save(tmp_path / "a.png")
    Image.fromarray(VALUES).save(tmp_path / "b.png")
    assert read_raw(tmp_path / "a.png").palette == bytes([*BLACK, *RED, *BLUE])
    assert read_raw(tmp_path / "b.png").palette is None


def test_read_raw__finds_the_categories_of_panoptic_segments(tmp_path):
    segments = np.array([[0, 65536 * 3 + 256 * 2 + 1], [70_000, 0]])
    rgb = np.stack([segments & 255, segments >> 8 & 255, segments >> 16], axis=2)
    Image.fromarray(rgb.astype(np.uint8)).save(tmp_path / "a.png")
    known = np.array([[70_000, 200], [65536 * 3 + 256 * 2 + 1, 17]], np.uint32)
    found = read_raw(tmp_path / "a.png", SegmentValues(known.tobytes()))
    assert found.ids.tolist() == [[0, 17], [200, 0]]
    with pytest.raises(InputError, match=r"a.png: wanted the segments that .* got segment 70000"):
        read_raw(tmp_path / "a.png", SegmentValues(known[1:].tobytes()))


def test_read_raw__finds_the_objects_of_the_full_ade20k(tmp_path):
    rgb = np.array([[[112, 162, 9], [0, 1, 0], [10, 56, 255]]], np.uint8)  # 2978, 1, 312
    Image.fromarray(rgb).save(tmp_path / "a.png")
    encoding = RedGreenValues(table=((2978, 0), (312, 1)), rest=65535)
    assert read_raw(tmp_path / "a.png", encoding).ids.tolist() == [[0, 65535, 1]]


def test_read_raw__follows_a_table_and_refuses_what_it_does_not_name(tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "a.png")
    table = IndexValues(((0, 255), (1, 7), (2, 0)))
    assert read_raw(tmp_path / "a.png", table).ids.tolist() == [[255, 7, 0], [0, 7, 255]]
    with pytest.raises(InputError, match=r"a.png: label value 2 on 2 pixels is none"):
        read_raw(tmp_path / "a.png", IndexValues(((0, 255), (1, 7))))


def test_read_raw__refuses_what_changes_or_hides_values(tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "lossy.jpg")
    with pytest.raises(InputError, match=r"lossy.jpg: wanted a PNG or .* picture"):
        read_raw(tmp_path / "lossy.jpg")
    Image.new("RGB", (16, 16)).save(tmp_path / "lossy.tif", compression="jpeg")
    with pytest.raises(InputError, match=r"lossy.tif: wanted whole labels"):
        read_raw(tmp_path / "lossy.tif")
    grey = Image.fromarray(VALUES).convert("LA")
    grey.putpixel((0, 0), (1, 0))
    grey.save(tmp_path / "clear.png")
    with pytest.raises(InputError, match=r"clear.png: .* got transparent pixels"):
        read_raw(tmp_path / "clear.png")
    deep_rgb_png(tmp_path / "deep.png")
    for encoding in (IndexValues(), COLOURS):
        with pytest.raises(InputError, match=r"deep.png: wanted"):
            read_raw(tmp_path / "deep.png", encoding)
