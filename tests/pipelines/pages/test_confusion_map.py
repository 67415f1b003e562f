"""Which class is taken for which, laid out so that it can be read."""

import numpy as np
import pytest

from langseg.pipelines.pages.confusion_map import (
    MOST,
    NOTHING,
    OTHERS,
    draw_confusions,
    largest_confusions,
)

COUNTS = np.array([[90, 10, 0, 0], [0, 40, 0, 10], [0, 0, 0, 0]])


def test_map__has_the_share_of_each_true_class_and_only_classes_that_occur():
    drawn = draw_confusions(COUNTS, ["sky", "road", "boat"])
    shares = {(drawn.rows[c.y], drawn.columns[c.x]): c.share for c in drawn.cells}
    assert shares == {
        ("sky", "sky"): 0.9, ("sky", "road"): 0.1, ("road", "road"): 0.8, ("road", NOTHING): 0.2
    }  # fmt: skip
    assert sum(c.is_right for c in drawn.cells) == 2
    assert drawn.hidden == 0


def test_many_classes__show_those_with_most_wrong_pixels_and_the_others_as_one():
    counts = np.zeros((150, 151), np.int64)
    counts[np.arange(150), np.arange(150)] = 1000
    for index in range(50):  # 10 and 11 are taken for each other, 140 for many
        counts[140, index] += 30
    counts[10, 11] = counts[11, 10] = 500
    drawn = draw_confusions(counts, [f"c{index}" for index in range(150)])
    assert len(drawn.rows) == MOST
    assert (drawn.columns[:-1], drawn.columns[-1]) == (drawn.rows, OTHERS)
    assert {"c10", "c11", "c140"} <= set(drawn.rows)
    assert abs(drawn.rows.index("c10") - drawn.rows.index("c11")) == 1  # they stand together
    assert drawn.hidden == 110
    row = drawn.rows.index("c140")
    assert sum(c.share for c in drawn.cells if c.y == row) == pytest.approx(1)


def test_largest_confusions__are_by_pixels_with_their_shares():
    one, other = largest_confusions(COUNTS, ["sky", "road", "boat"], 5)
    assert (one.true, one.predicted, one.of_class, one.of_errors) == ("sky", "road", 0.1, 0.5)
    assert (other.true, other.predicted, other.of_class) == ("road", NOTHING, 0.2)
    assert other.of_all == pytest.approx(10 / 150)


@pytest.mark.parametrize("counts", [np.array([[7, 0]]), np.zeros((1, 2), np.int64)])
def test_one_class_or_nothing_wrong__has_a_map_and_no_confusion(counts):
    assert len(draw_confusions(counts, ["sky"]).rows) == int(counts.any())
    assert largest_confusions(counts, ["sky"], 5) == []
