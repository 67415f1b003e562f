from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.segmenter.comparison.splits import draw_splits


@given(st.integers(6, 40), st.integers(1, 12), st.integers(0, 5), st.data())
def test_draw_splits__hide_each_class_about_as_often_as_any_other(classes, count, seed, data):
    unseen = data.draw(st.integers(2, max(2, classes // 2)))
    splits = draw_splits(range(classes), unseen, count, seed)
    times = Counter(one for split in splits for one in split.unseen)
    often = [times[one] for one in range(classes)]
    assert max(often) - min(often) <= 2  # a deck may end within a split that has the card
    assert len(set(splits)) == count
    assert all(len(set(split.unseen)) == unseen for split in splits)


def test_draw_splits__are_a_pure_function_of_the_seed():
    assert draw_splits(range(20), 5, 8, 3) == draw_splits(range(20), 5, 8, 3)
    assert draw_splits(range(20), 5, 8, 3) != draw_splits(range(20), 5, 8, 4)


@pytest.mark.parametrize("unseen", [0, 1, 4, 9])
def test_draw_splits__one_class_alone_and_all_of_them_are_refused(unseen):
    with pytest.raises(UsageError, match="wanted 2 to 3 of the 4"):
        draw_splits(range(4), unseen, 2, 0)


def test_draw_splits__more_than_there_are_are_refused():
    with pytest.raises(UsageError, match="give fewer --splits"):
        draw_splits(range(3), 2, 4, 0)
