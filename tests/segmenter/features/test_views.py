"""A view is a pure function of the picture, and its labels move with its pixels."""

import numpy as np
import pytest

from langseg.segmenter.data.images import resize_to_units
from langseg.segmenter.features.views import View, view_labels, view_of, view_pixels


def view(number: int, height: int = 60, width: int = 90, digest: str = "ab" * 32) -> View:
    return view_of(number, digest, height, width, side=48, unit=8, scale=(0.5, 2.0))


def test_view__0_is_what_inference_reads_and_1_its_mirror_image():
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    plain = resize_to_units(image, 48, 8)
    assert np.array_equal(view_pixels(image, view(0)), plain)
    assert np.array_equal(view_pixels(image, view(1)), plain[:, ::-1])


def test_views__differ_between_numbers_and_pictures_and_are_the_same_again():
    several = [view(number) for number in range(2, 8)]
    assert several == [view(number) for number in range(2, 8)]
    assert len(set(several)) == 6
    assert view(2, digest="cd" * 32) != view(2)


def test_labels__of_every_view_lie_on_their_pixels():
    labels = np.zeros((60, 90), np.int64)
    labels[10:40, 20:75] = 1
    image = np.repeat((labels * 200).astype(np.uint8)[:, :, None], 3, axis=2)
    for number in range(8):
        light = view_pixels(image, view(number))[:, :, 0] > 90
        agree = (light == (view_labels(labels, view(number)) == 1)).mean()
        assert agree > 0.95, number  # all but the blurred edge


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (200, 20000), (2000, 3)])
def test_views__of_any_picture_are_whole_units_and_no_larger_than_the_plain_one(size):
    whole = view(0, *size).window[2:]
    for number in range(6):
        high, wide = view(number, *size).window[2:]
        assert high % 8 == wide % 8 == 0
        assert high <= whole[0]
        assert wide <= whole[1]
        labels = view_labels(np.zeros(size, np.int64), view(number, *size))
        pixels = view_pixels(np.zeros((*size, 3), np.uint8), view(number, *size))
        assert labels.shape == pixels.shape[:2] == (high, wide)
