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


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 40), columns=st.integers(1, 40), patches=st.integers(1, 20),
    unit=st.sampled_from([8, 16, 28]), part=st.floats(0.01, 1),
)  # fmt: skip
def test_windows__of_a_stride_cover_everything_and_start_at_its_multiples(
    rows, columns, patches, unit, part
):
    height, width, side = rows * unit, columns * unit, patches * unit
    stride = max(4, round(side * part))
    boxes = windows(height, width, side, unit, stride, 4)
    seen = np.zeros((height // 4, width // 4), np.int64)
    for top, left, h, w in boxes:
        assert all(value % 4 == 0 for value in (top, left))
        assert (h, w) == (min(side, height), min(side, width))
        assert top + h <= height
        assert left + w <= width
        seen[top // 4 : (top + h) // 4, left // 4 : (left + w) // 4] += 1
    assert seen.min() >= 1
    tops = sorted({top for top, *_ in boxes})
    assert all(abs(top - i * stride) <= 2 for i, top in enumerate(tops[:-1]))


def test_windows__of_512_every_341_are_those_of_mmsegmentation():
    tops = sorted({top for top, *_ in windows(512, 2048, 512, 16, 341, 1)})
    lefts = sorted({left for _, left, *_ in windows(512, 2048, 512, 16, 341, 1)})
    grids = max(2048 - 512 + 341 - 1, 0) // 341 + 1
    assert lefts == [min(i * 341, 2048 - 512) for i in range(grids)]
    assert tops == [0]
