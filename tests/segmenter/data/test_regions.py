"""Regions of a label map, and which of them are objects."""

import numpy as np

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.regions import background_and_objects, region_areas


def test_regions__are_pixels_of_a_class_that_touch_also_at_a_corner():
    labels = np.array([[0, 1, 1], [1, 0, 1], [IGNORE, 0, 2]])
    assert region_areas(labels).tolist() == [[3, 4, 4], [4, 3, 4], [0, 3, 1]]


def test_two_regions_of_one_class__are_counted_apart():
    assert region_areas(np.array([[0, 0, 1, 0]])).tolist() == [[2, 2, 1, 1]]


def test_background__is_the_largest_regions_up_to_half_of_what_is_labelled():
    labels = np.array([[0] * 4, [0] * 4, [1, 1, 1, 2], [IGNORE, 3, 3, 3]])
    background, objects = background_and_objects(labels)
    assert [(region.label, region.area) for region in background] == [(0, 8)]
    assert [(region.label, region.area) for region in objects] == [(1, 3), (3, 3), (2, 1)]
    assert objects[1].box == (slice(3, 4), slice(1, 4))


def test_background_of_many_regions__reaches_half():
    labels = np.repeat(np.arange(5), 4).reshape(5, 4)
    background, objects = background_and_objects(labels)
    assert [len(background), len(objects)] == [3, 2]


def test_specks__are_neither_background_nor_objects():
    labels = np.zeros((50, 50), np.int64)
    labels[3, 3], labels[9, 7:10] = 1, 2
    background, objects = background_and_objects(labels)
    assert [region.label for region in objects] == [2]
    assert [region.label for region in background] == [0]


def test_nothing_labelled__has_no_region():
    labels = np.full((3, 4), IGNORE)
    assert background_and_objects(labels) == ([], [])
    assert not region_areas(labels).any()
