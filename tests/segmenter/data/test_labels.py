import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule

ADE_IDS, ADE_IGNORED = range(1, 151), (0, 255)


def read_labels(path: Path, ids: Sequence[int], ignore_ids: Sequence[int] = ()):
    return LabelRule(ids, ignore_ids).read(path)


def write_png(path: Path, values: list[list[int]], dtype: type = np.uint8) -> Path:
    Image.fromarray(np.array(values, dtype)).save(path)
    return path


def write_grey_png(path: Path, bit_depth: int, width: int, row: bytes) -> Path:
    """One line of 2- or 4-bit grey, which Pillow reads but does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, 1, bit_depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    return path


def test_read_labels__maps_ade20k_values_to_indices_and_both_0_and_255_to_ignore(tmp_path):
    path = write_png(tmp_path / "a.png", [[0, 1, 150], [255, 2, 149]])
    labels = read_labels(path, ADE_IDS, ADE_IGNORED)
    assert labels.dtype == np.int64
    assert labels.tolist() == [[IGNORE, 0, 149], [IGNORE, 1, 148]]


def test_read_labels__follows_ids_in_any_order(tmp_path):
    path = write_png(tmp_path / "a.png", [[7, 3, 5]])
    assert read_labels(path, (5, 7, 3)).tolist() == [[1, 2, 0]]


def test_read_labels__keeps_ids_above_255_from_16_bit_files(tmp_path):
    path = write_png(tmp_path / "a.png", [[0, 256, 847, 65535]], np.uint16)
    labels = read_labels(path, range(847 + 1), (65535,))
    assert labels.tolist() == [[0, 256, 847, IGNORE]]


def test_read_labels__takes_the_index_of_a_palette_png_not_its_colour(tmp_path):
    image = Image.fromarray(np.array([[2, 0, 1]], np.uint8))
    image.putpalette([9, 9, 9, 1, 1, 1, 0, 0, 0])
    image.save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", range(3)).tolist() == [[2, 0, 1]]


@pytest.mark.parametrize(
    ("bit_depth", "row", "wanted"),
    [(2, b"\x1b", [0, 1, 2, 3]), (4, b"\x0f\x21", [0, 15, 2, 1])],
)
def test_read_labels__undoes_the_stretching_of_2_and_4_bit_grey(tmp_path, bit_depth, row, wanted):
    path = write_grey_png(tmp_path / "a.png", bit_depth, 4, row)
    assert read_labels(path, range(16)).tolist() == [wanted]


def test_read_labels__takes_bilevel_files_as_0_and_1(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", (0, 1)).tolist() == [[1, 0]]


def test_read_labels__names_the_file_the_value_and_how_many_pixels_have_it(tmp_path):
    path = write_png(tmp_path / "bad.png", [[1, 200, 200], [1, 1, 151]])
    with pytest.raises(InputError) as caught:
        read_labels(path, ADE_IDS, ADE_IGNORED)
    assert str(caught.value) == (
        f"{path}: label value 151 on 1 pixel (and 1 other unknown value) is neither a class id "
        "(1..150) nor an ignore id (0, 255); check that the labels and the vocabulary belong "
        "together"
    )


def test_read_labels__refuses_a_shifted_label_file(tmp_path):
    shifted = write_png(tmp_path / "shifted.png", [[0, 149], [254, 3]])  # 0 - 1 wrapped to 255 - 1
    with pytest.raises(InputError, match="label value 254 on 1 pixel is neither"):
        read_labels(shifted, range(1, 151), (0, 255))


@pytest.mark.parametrize(
    ("ids", "ignored"), [((1, 1), ()), ((1, 2), (2,)), ((), (0,)), ((70_000,), ()), ((-1,), ())]
)
def test_label_rule__refuses_ids_that_cannot_be_told_apart_or_stored(ids, ignored):
    with pytest.raises(InputError, match="label ids"):
        LabelRule(ids, ignored)


def test_label_rule__reads_the_sample_annotations(shared_data):
    rule = LabelRule(ADE_IDS, ADE_IGNORED)
    folder = shared_data / "ade20k_sample/annotations"
    values = np.unique(rule.read(folder / "ADE_val_00000001.png"))
    assert values.tolist() == [IGNORE, 0, 1, 2, 4, 6, 9, 17]
