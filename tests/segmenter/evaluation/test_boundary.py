from collections.abc import Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.boundary import Boundary
from langseg.segmenter.evaluation.evaluate import Scored

IMAGE = np.zeros((1, 1, 3), np.uint8)  # nothing here looks at it
SAMPLE = Sample("a", None, None, "*")  # type: ignore[arg-type]


def boundary(maps: Iterable[Iterable[NDArray[np.int64]]], classes: int = 3) -> Boundary:
    measure = Boundary(classes)
    for pred, target in maps:
        measure.add(Scored(sample=SAMPLE, image=IMAGE, labels=target, mask=pred))
    return measure


def band(mask: np.ndarray, share: float = 0.02) -> np.ndarray:
    """As the published code: a mask without what is left of it after eroding d times."""
    d = max(1, round(share * np.hypot(*mask.shape)))
    return mask & ~binary_erosion(mask, np.ones((3, 3)), iterations=d, border_value=0)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3).flatmap(
        lambda n: st.lists(
            arrays(np.int64, (2, 8 * n, 11 * n), elements=st.integers(IGNORE, 2)), max_size=2
        )
    )
)
def test_boundary__equals_eroding_the_mask_of_each_class_by_itself(maps):
    met, either = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for pred, target in maps:
        for k in range(3):
            p, t = band((pred == k) & (target != IGNORE)), band(target == k)
            met[k] += (p & t).sum()
            either[k] += (p | t).sum()
    measure = boundary(maps)
    assert measure.counts.tolist() == np.stack([met, either], axis=1).tolist()


def test_boundary__reaches_2_percent_of_the_diagonal():
    target = np.zeros((300, 400), np.int64)  # a diagonal of 500: 10 pixels
    target[:, 200:] = 1
    pred = np.zeros_like(target)
    pred[:, 205:] = 1
    scores = boundary([(pred, target)], 2).scores()
    edges = band(target == 0)
    moved = band(pred == 0)
    wanted = (edges & moved).sum() / (edges | moved).sum()
    assert edges.sum() == 200 * 300 - 180 * 280
    assert scores.per_class_iou[0] == pytest.approx(wanted)


def test_boundary__of_the_labels_themselves_is_1_whatever_lies_where_nothing_is_labelled():
    target = np.zeros((20, 20), np.int64)
    target[5:9, 5:9] = IGNORE
    pred = target.copy()
    pred[5:9, 5:9] = 2
    scores = boundary([(pred, target)]).scores()
    assert (scores.miou, scores.per_class_iou) == (1.0, [1.0, None, None])


def test_boundary__of_nothing_labelled_is_nan():
    nothing = np.full((4, 4), IGNORE, np.int64)
    assert np.isnan(boundary([(nothing, nothing)]).scores().miou)
    assert torch.equal(boundary([]).counts, torch.zeros(3, 2, dtype=torch.int64))
