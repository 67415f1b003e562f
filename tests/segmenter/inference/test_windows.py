import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.segmenter.inference.windows import windows


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 40), columns=st.integers(1, 40), side=st.integers(1, 300),
    unit=st.sampled_from([8, 16, 28]),
)  # fmt: skip
def test_windows__cover_everything_once_or_more_and_stay_inside(rows, columns, side, unit):
    height, width = rows * unit, columns * unit
    boxes = windows(height, width, side, unit)
    seen = np.zeros((rows, columns), np.int64)
    for top, left, h, w in boxes:
        assert all(value % unit == 0 for value in (top, left, h, w))
        assert top + h <= height
        assert left + w <= width
        seen[top // unit : (top + h) // unit, left // unit : (left + w) // unit] += 1
    assert seen.min() >= 1
    assert len(set(boxes)) == len(boxes)


def test_windows__of_a_small_picture_is_the_picture():
    assert windows(32, 40, 64, 8) == [(0, 0, 32, 40)]
    assert windows(64, 64, 64, 8) == [(0, 0, 64, 64)]
