"""Keep where the pixels of each picture went, and read scores of single pictures off that.

In:  a predicted and a true map of class indices, picture by picture.
Out: PictureCounts, the picture's confusion matrix without its empty cells; the matrix of any
     selection of pictures; the picture-wise means of IoU and their worst cases.

The means are those of Wang et al., "Revisiting Evaluation Metrics for Semantic Segmentation"
(arXiv 2310.19252): in a picture those classes count that its labels hold, whether predicted or
not. Their special case for two classes is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.metrics import confusion

WORST_PERCENT = (1, 5)  # of the pictures, as the paper has them


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureCounts:
    """One picture's confusion matrix, cell by cell, sorted.

    ``true`` [n] holds class indices, ``predicted`` [n] too, or C where the prediction has no
    class, ``pixels`` int64 [n] how many there are, never 0.
    """

    stem: str
    scene: str
    height: int
    width: int
    true: NDArray[np.int32]
    predicted: NDArray[np.int32]
    pixels: NDArray[np.int64]

    @property
    def labelled(self) -> int:
        """Pixels with a label."""
        return int(self.pixels.sum())

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels whose class is right; nan where none is labelled."""
        right = int(self.pixels[self.true == self.predicted].sum())
        return right / self.labelled if self.labelled else float("nan")

    @cached_property
    def ious(self) -> dict[int, float]:
        """IoU of each class that the picture's labels hold."""
        classes = int(max(self.true.max(), self.predicted.max())) + 1 if len(self.true) else 0
        true, predicted, both = (
            np.bincount(of, self.pixels * within, classes)
            for of, within in (
                (self.true, True), (self.predicted, True), (self.true, self.true == self.predicted)
            )
        )  # fmt: skip
        held = np.flatnonzero(true)
        ious = both[held] / (true + predicted - both)[held]
        return dict(zip(held.tolist(), ious.tolist(), strict=True))

    @property
    def miou(self) -> float:
        """Mean of ``ious``; nan where nothing is labelled."""
        return float(np.mean(list(self.ious.values()))) if self.ious else float("nan")


@dataclass(frozen=True, kw_only=True)
class PicturewiseScores:
    """IoU averaged picture by picture, 0..1, over the ``pictures`` that hold a label.

    ``miou_i``: mean over pictures of the mean IoU of a picture's classes. ``miou_c``: mean over
    classes of the mean IoU over the pictures that hold it. ``worst_i``, ``worst_c``: the same of
    the worst q percent of the pictures (of a class), at least one, by q.
    """

    pictures: int
    miou_i: float
    miou_c: float
    worst_i: dict[int, float]
    worst_c: dict[int, float]


def picture_counts(
    sample: Sample, pred: NDArray[np.int64], target: NDArray[np.int64], num_classes: int
) -> PictureCounts:
    """Count one picture. Args: pred, target: as for ``confusion``. Raises: InputError."""
    counts = confusion(torch.from_numpy(pred), torch.from_numpy(target), num_classes).numpy()
    true, predicted = np.nonzero(counts)
    return PictureCounts(
        stem=sample.stem,
        scene=sample.scene,
        height=target.shape[0],
        width=target.shape[1],
        true=true.astype(np.int32),
        predicted=predicted.astype(np.int32),
        pixels=counts[true, predicted],
    )


def summed(pictures: Iterable[PictureCounts], num_classes: int) -> Tensor:
    """The confusion matrix int64 [C, C + 1] of some pictures together."""
    counts = torch.zeros(num_classes, num_classes + 1, dtype=torch.int64)
    for one in pictures:
        counts[torch.from_numpy(one.true).long(), torch.from_numpy(one.predicted).long()] += (
            torch.from_numpy(one.pixels)
        )
    return counts


def picturewise(pictures: Sequence[PictureCounts]) -> PicturewiseScores:
    """Scores of single pictures, averaged; nan throughout where no picture holds a label."""
    labelled = [one for one in pictures if one.labelled]
    by_class: dict[int, list[float]] = {}
    for one in labelled:
        for index, iou in one.ious.items():
            by_class.setdefault(index, []).append(iou)
    means = [one.miou for one in labelled]

    def over_classes(percent: int) -> float:
        return _mean([_worst(ious, percent) for ious in by_class.values()])

    return PicturewiseScores(
        pictures=len(labelled),
        miou_i=_mean(means),
        miou_c=over_classes(100),
        worst_i={percent: _worst(means, percent) for percent in WORST_PERCENT},
        worst_c={percent: over_classes(percent) for percent in WORST_PERCENT},
    )


def _worst(values: Sequence[float], percent: int) -> float:
    """The mean of the worst ``percent`` of some values, at least one."""
    return _mean(sorted(values)[: max(1, len(values) * percent // 100)])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
