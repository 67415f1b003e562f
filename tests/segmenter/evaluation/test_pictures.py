import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.metrics import confusion
from langseg.segmenter.evaluation.pictures import (
    PictureCounts,
    picture_counts,
    picturewise,
    summed,
)

MAPS = arrays(np.int64, (2, 3, 4), elements=st.integers(IGNORE, 4))


def counted(pred: object, target: object, classes: int = 5, stem: str = "a") -> PictureCounts:
    sample = Sample(stem, None, None, "kitchen")  # type: ignore[arg-type]
    return picture_counts(sample, np.array(pred), np.array(target), classes)


@given(st.lists(MAPS, max_size=4))
def test_summed__is_the_matrix_of_all_the_pixels(maps):
    import torch

    pictures = [counted(pred, target) for pred, target in maps]
    pred, target = np.array(maps, np.int64).reshape(-1, 2, 12).swapaxes(0, 1)
    whole = confusion(torch.from_numpy(pred.copy()), torch.from_numpy(target.copy()), 5)
    assert (summed(pictures, 5) == whole).all()
    assert all((one.pixels > 0).all() for one in pictures)


def published(maps: list[np.ndarray], percent: int | None) -> tuple[float, float]:
    """The two means as the published evaluation computes them, one class of one map at a time."""
    image_ious: list[float] = []
    class_ious: dict[int, list[float]] = {}
    for pred, target in maps:
        kept = target != IGNORE
        present = [k for k in range(5) if (target == k).any()]
        if not present:
            continue
        ious = []
        for k in present:
            p, t = pred[kept] == k, target[kept] == k
            ious.append(float((p & t).sum() / (p | t).sum()))
            class_ious.setdefault(k, []).append(ious[-1])
        image_ious.append(float(np.mean(ious)))

    def worst(values: list[float]) -> float:
        n = len(values) if percent is None else max(1, int(percent / 100 * len(values)))
        return float(np.mean(sorted(values)[:n]))

    by_class = [worst(values) for values in class_ious.values()]
    return worst(image_ious), float(np.mean(by_class))


@given(st.lists(MAPS, min_size=1, max_size=30))
def test_picturewise__equals_the_published_definition(maps):
    scores = picturewise([counted(pred, target) for pred, target in maps])
    if not any((target != IGNORE).any() for _, target in maps):
        assert scores.pictures == 0
        assert np.isnan([scores.miou_i, scores.miou_c, scores.worst_i[5], scores.worst_c[1]]).all()
        return
    assert (scores.miou_i, scores.miou_c) == pytest.approx(published(maps, None))
    for percent in (1, 5):
        got = scores.worst_i[percent], scores.worst_c[percent]
        assert got == pytest.approx(published(maps, percent))


def test_picture_counts__know_the_scores_of_the_picture():
    one = counted([[0, 1, 1, 2]], [[0, 0, 1, IGNORE]])
    assert one.labelled == 3
    assert one.pixel_accuracy == pytest.approx(2 / 3)
    assert one.ious == {0: 0.5, 1: 0.5}  # the predicted 2 lies where nothing is labelled
    assert one.miou == 0.5
    assert np.isnan(counted([[0]], [[IGNORE]]).miou)
