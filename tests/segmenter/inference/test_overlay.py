import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.overlay import LONGEST, overlay, panel, side_by_side

NAMES = ("wall", "sky", "tree")
COLOURS = ((120, 120, 120), (6, 230, 230), (4, 200, 3))


def flat_overlay(mask: np.ndarray, grey: int = 100) -> tuple[Image.Image, np.ndarray]:
    picture = overlay(np.full((*mask.shape, 3), grey, np.uint8), mask, NAMES, COLOURS)
    return picture, np.asarray(picture).astype(int)


def test_overlay__mixes_each_class_colour_with_the_picture():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    picture, pixels = flat_overlay(mask)
    assert (picture.mode, picture.width) == ("RGB", 800)
    for column, index in ((50, 0), (750, 1)):
        wanted = 0.45 * 100 + 0.55 * np.array(COLOURS[index])
        assert np.abs(pixels[20, column] - wanted).max() <= 1


def test_overlay__draws_a_thin_light_line_between_regions():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    pixels = flat_overlay(mask, grey=0)[1]
    assert pixels[20, 400].min() > 190
    assert pixels[20, 399].min() < 100
    assert pixels[20, 401].min() < 130


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
    places = [np.flatnonzero((flat == colour).all(axis=1)) for colour in COLOURS]
    assert len(places[0]) > 50 < len(places[2])
    assert len(places[1]) == 0
    assert places[2][0] % 800 < places[0][0] % 800


def test_overlay__enlarges_a_small_picture_so_that_its_legend_can_be_read():
    mask = np.zeros((16, 20), np.int64)
    picture, _ = flat_overlay(mask)
    assert picture.width == 640
    assert picture.height > 512


def test_overlay__does_not_enlarge_a_narrow_strip_beyond_any_screen():
    picture, _ = flat_overlay(np.zeros((3000, 1), np.int64))
    assert picture.width == 640
    assert picture.height < 3100


def test_overlay__fits_a_long_name_on_a_line_of_its_own():
    mask = np.zeros((400, 800), np.int64)
    mask[:, 400:] = 1
    image = np.zeros((400, 800, 3), np.uint8)
    short = overlay(image, mask, ("a", "b"), COLOURS[:2])
    long = overlay(image, mask, ("n" * 64, "b"), COLOURS[:2])
    assert long.height > short.height


def test_overlay__refuses_a_mask_of_another_size():
    with pytest.raises(InputError, match=r"overlay: wanted a mask of \(4, 5\), got \(5, 4\)"):
        overlay(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.int64), NAMES, COLOURS)


def test_side_by_side__shows_the_image_and_each_mask_at_one_height():
    image = np.zeros((300, 400, 3), np.uint8)
    mask = np.ones((300, 400), np.int64)
    page = side_by_side(image, {"annotation": mask, "prediction": mask}, NAMES, COLOURS)
    pixels = np.asarray(page)
    assert page.width == 3 * 400 + 2 * 8
    assert pixels[20, 20].tolist() == [0, 0, 0]
    assert pixels[20, 430].tolist() == pixels[20, 840].tolist() != [0, 0, 0]


def test_panel__writes_a_name_where_its_class_has_room_and_nowhere_else():
    mask = np.zeros((300, 600), np.int64)
    mask[:, 300:] = 1
    mask[140:146, 40:46] = 2  # too small for its name
    image = np.full((300, 600, 3), 128, np.uint8)
    named = np.asarray(panel(image, mask, NAMES, COLOURS, 600)).astype(int)
    bare = np.asarray(panel(image, mask, ("", "", ""), COLOURS, 600)).astype(int)
    ys, xs = np.nonzero(np.abs(named - bare).sum(axis=2))
    left, right = xs[xs < 300], xs[xs >= 300]
    assert 20 < np.ptp(left) < 100  # "wall", in the middle of its half
    assert abs(left.mean() - 150) < 30
    assert 15 < np.ptp(right) < 100
    assert np.ptp(ys) < 40
    assert (np.abs(named - bare)[130:156, 30:56] == 0).all()


@pytest.mark.parametrize("grey", [0, 255])
def test_panel__names_are_legible_on_light_and_on_dark(grey):
    mask = np.zeros((300, 600), np.int64)
    picture = panel(np.full((300, 600, 3), grey, np.uint8), mask, NAMES, ((grey,) * 3,) * 3, 600)
    pixels = np.asarray(picture)
    assert pixels.max() > 240  # white letters
    assert pixels.min() < 30  # in a dark outline


def test_panel__writes_no_name_over_another():
    """Stripes so thin that a name of one class would lie on the next."""
    mask = np.repeat(np.arange(300) // 8 % 3, 600).reshape(300, 600)
    image = np.full((300, 600, 3), 128, np.uint8)
    named = np.asarray(panel(image, mask, NAMES, COLOURS, 600))
    assert (named == np.asarray(panel(image, mask, ("", "", ""), COLOURS, 600))).all()


@pytest.mark.parametrize(("height", "width"), [(100_000, 3), (3, 100_000), (5000, 2000)])
def test_overlay__of_any_picture_is_no_longer_than_4096_pixels(height: int, width: int):
    """A picture of 3 x 100,000 would else take a page of 640 x 100,000 pixels."""
    mask = np.zeros((height, width), np.int64)
    mask[: height // 2] = 1
    drawn = overlay(np.zeros((height, width, 3), np.uint8), mask, ("a", "b"), ((255, 0, 0),) * 2)
    assert max(drawn.size) <= LONGEST + 200  # and the legend
