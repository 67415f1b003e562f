import io

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.inference.mask_files import encode_png, index_png

IDS = (1, 3, 7)
COLOURS = ((120, 120, 120), (6, 230, 230), (0, 0, 0))


def grey(count: int) -> list[tuple[int, int, int]]:
    return [(9, 9, 9)] * count


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_index_png__holds_dataset_ids_in_a_palette(tmp_path):
    mask = np.array([[0, 1], [2, 0]])
    picture = opened(index_png(mask, IDS, COLOURS))
    assert picture.mode == "P"
    assert np.asarray(picture).tolist() == [[1, 3], [7, 1]]
    assert picture.convert("RGB").getpixel((1, 0)) == COLOURS[1]


def test_index_png__colours_no_value_that_is_no_class():
    """255, "not labelled", in an arbitrary colour is taken for a class (mmsegmentation#1509)."""
    palette = opened(index_png(np.array([[0]]), IDS, COLOURS)).getpalette("RGB")
    assert palette is not None
    assert palette[3 * 1 : 3 * 1 + 3] == [120, 120, 120]
    assert palette[:3] == palette[3 * 2 : 3 * 2 + 3] == palette[3 * 255 :] == [0, 0, 0]


@pytest.mark.parametrize("ids", [IDS, tuple(range(1, 256)), tuple(range(0, 900, 3))])
def test_index_png__is_read_back_as_the_same_mask(tmp_path, ids):
    mask = np.random.default_rng(0).integers(0, len(ids), (13, 17))
    (tmp_path / "mask.png").write_bytes(index_png(mask, ids, grey(len(ids))))
    np.testing.assert_array_equal(LabelRule(ids, ()).read(tmp_path / "mask.png"), mask)


def test_index_png__is_16_bit_grey_when_the_vocabulary_needs_it():
    ids = tuple(range(847))
    picture = opened(
        index_png(np.array([[0, 1]]), ids, grey(847))
    )  # small values, but one mode for all
    assert picture.mode == "I;16"
    assert np.asarray(opened(index_png(np.array([[846]]), ids, grey(847)))).tolist() == [[846]]


@pytest.mark.parametrize("mask", [[[3]], [[IGNORE]], [0], [[]]])
def test_index_png__refuses_a_mask_of_other_values(mask):
    with pytest.raises(InputError, match=r"mask: wanted \[H, W\] of 0..2"):
        index_png(np.array(mask, np.int64), IDS, COLOURS)


def test_encode_png__round_trips_pixels():
    image = Image.effect_noise((8, 8), 50).convert("RGB")
    np.testing.assert_array_equal(np.asarray(opened(encode_png(image))), np.asarray(image))
