import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.overlay import overlay
from langseg.segmenter.inference.palette import class_colour

NAMES, IDS = ("wall", "sky", "tree"), (1, 3, 7)


def flat_overlay(mask: np.ndarray, grey: int = 100) -> tuple[Image.Image, np.ndarray]:
    picture = overlay(np.full((*mask.shape, 3), grey, np.uint8), mask, NAMES, IDS)
    return picture, np.asarray(picture).astype(int)


def test_overlay__mixes_each_class_colour_with_the_picture():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    picture, pixels = flat_overlay(mask)
    assert (picture.mode, picture.width) == ("RGB", 800)
    for column, class_id in ((200, 1), (600, 3)):
        wanted = 0.45 * 100 + 0.55 * np.array(class_colour(class_id))
        assert np.abs(pixels[200, column] - wanted).max() <= 1


def test_overlay__draws_a_thin_light_line_between_regions():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    pixels = flat_overlay(mask, grey=0)[1]
    assert pixels[200, 400].min() > 190
    assert pixels[200, 399].min() < 100
    assert pixels[200, 401].min() < 130


def test_overlay__leaves_unlabelled_pixels_as_they_are():
    mask = np.zeros((400, 800), np.int64)
    mask[100:300, 100:300] = IGNORE
    assert flat_overlay(mask)[1][200, 200].tolist() == [100, 100, 100]


def test_overlay__lists_the_classes_present_below_the_picture_by_share():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 200:] = 2
    pixels = flat_overlay(mask)[1][400:]
    flat = pixels.reshape(-1, 3)
    # the first swatch, read column by column, is of the larger class; "sky" is nowhere
    places = {
        class_id: np.flatnonzero((flat == class_colour(class_id)).all(axis=1))
        for class_id in IDS
    }  # fmt: skip
    assert len(places[1]) > 50 < len(places[7])
    assert len(places[3]) == 0
    assert places[7][0] % 800 < places[1][0] % 800


def test_overlay__enlarges_a_small_picture_so_that_its_legend_can_be_read():
    mask = np.zeros((16, 20), np.int64)
    picture, _ = flat_overlay(mask)
    assert picture.width == 640
    assert picture.height > 512


def test_overlay__names_the_classes_that_matter_and_sums_up_the_rest():
    names = [f"class {number}" for number in range(847)]
    mask = np.arange(847)[None].repeat(700, axis=0)
    picture = overlay(np.zeros((700, 847, 3), np.uint8), mask, names, range(847))
    assert picture.height < 700 + 500


def test_overlay__fits_a_long_name_on_a_line_of_its_own():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    image = np.zeros((400, 800, 3), np.uint8)
    short = overlay(image, mask, ("a", "b"), (1, 2))
    long = overlay(image, mask, ("n" * 64, "b"), (1, 2))
    assert long.height > short.height


def test_overlay__refuses_a_mask_of_another_size():
    with pytest.raises(InputError, match=r"overlay: wanted a mask of \(4, 5\), got \(5, 4\)"):
        overlay(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.int64), NAMES, IDS)
