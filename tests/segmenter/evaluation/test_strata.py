"""Scores by what is in the pictures, on maps made by hand."""

from pathlib import Path

import numpy as np
import pytest

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.evaluate import Scored
from langseg.segmenter.evaluation.pictures import picture_counts
from langseg.segmenter.evaluation.strata import (
    ByOverlap,
    BySize,
    by_frequency,
    by_number_of_classes,
)

SAMPLE = Sample("p", Path("p.png"), Path("l.png"), "*")


def scored(labels: np.ndarray, mask: np.ndarray) -> Scored:
    image = np.zeros((*labels.shape, 3), np.uint8)
    return Scored(sample=SAMPLE, image=image, labels=labels, mask=mask)


def pictures(*pairs: tuple[list[int], list[int]]):
    maps = [(np.array([true]), np.array([pred])) for true, pred in pairs]
    return [picture_counts(SAMPLE, pred, true, 6) for true, pred in maps]


def facts(strata):
    return [(one.name, one.pictures, one.pixels, one.classes, one.score) for one in strata]


def test_pictures__are_told_apart_by_the_classes_in_their_labels():
    strata = by_number_of_classes(
        pictures(
            ([0, 0, 0, 0], [0, 0, 1, 1]),
            ([2, 2, IGNORE, 2], [2, 2, 2, 2]),
            ([0, 1, 2, 3], [0, 1, 2, 5]),
            ([IGNORE, IGNORE], [0, 0]),
        ),
        6,
    )
    assert facts(strata) == [("1", 2, 7, 2, 0.75), ("3 to 4", 1, 4, 4, 0.75)]
    assert {one.measure for one in strata} == {"mIoU"}


def test_classes__are_told_apart_in_thirds_by_their_pixels():
    strata = by_frequency(
        pictures(([0] * 6 + [1, 1, 2], [0] * 6 + [1, 1, 1]), ([0] * 3, [0] * 3)), 6
    )
    assert [one.score for one in strata] == [0.0, pytest.approx(2 / 3), 1.0]
    assert [(one.pictures, one.pixels, one.classes) for one in strata] == [
        (1, 1, 1), (1, 2, 1), (2, 9, 1)
    ]  # fmt: skip
    assert strata[0].name == "rare: 8.3 % to 8.3 % of the pixels each"


def test_two_classes__have_no_thirds():
    assert by_frequency(pictures(([0, 1], [0, 1])), 6) == []


def test_sizes__are_of_regions_and_score_what_is_found_of_them():
    labels = np.zeros((100, 100), np.int64)
    labels[:5, :5] = 1  # 0.25 % of the picture: small
    labels[50:60, 50:60] = 1  # 1 %: medium
    labels[90:, 90:] = 2  # 1 %
    labels[:, 30] = IGNORE  # two large regions of class 0 instead of one
    mask = labels.copy()
    mask[0, :5] = 0  # a fifth of the small region is missed
    mask[90:95, 90:] = 1  # half of the medium region of class 2
    measure = BySize(3)
    measure.add(scored(labels, mask))
    measure.add(scored(np.zeros((9, 9), np.int64), np.ones((9, 9), np.int64)))
    assert [row[1:] for row in facts(measure.strata())] == [
        (1, 25, 1, 0.8),
        (1, 200, 2, 0.75),
        (2, 9675 + 81, 1, pytest.approx(9675 / (9675 + 81))),
    ]
    assert {one.measure for one in measure.strata()} == {"mean recall"}


def test_overlap__is_of_the_bounding_boxes_of_objects_of_different_classes():
    labels = np.zeros((40, 40), np.int64)
    labels[5:15, 5:15] = 1
    labels[16:20, 5:15] = IGNORE  # void between them, as in MSRC and VOC
    alone = labels.copy()
    alone[20:30, 5:15] = 2
    crossing = labels.copy()
    crossing[12:30, 16:30], crossing[12, 16:30] = 2, 0
    crossing[10:30, 13:17] = 2  # now its box reaches into that of class 1
    same = np.zeros((40, 40), np.int64)
    same[5:15, 5], same[15, 5:15], same[5:9, 8:12] = 1, 1, 1  # one in the other's box
    measure = ByOverlap(3)
    for one in (alone, crossing, same, np.full((4, 4), IGNORE)):
        measure.add(scored(one, one))
    assert [(one.name, one.pictures, one.score) for one in measure.strata()] == [
        ("0 pairs", 2, 1.0), ("1 pair", 1, 1.0)
    ]  # fmt: skip


def test_nothing_that_can_be_counted__is_no_stratum():
    void = np.full((1, 1), IGNORE)
    for measure in (BySize(3), ByOverlap(3)):
        measure.add(scored(void, np.zeros((1, 1), np.int64)))
        assert measure.strata() == []
    assert by_number_of_classes([], 6) == by_frequency([], 6) == []
