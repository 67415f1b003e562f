"""Count pixels in a confusion matrix, and read the scores off it.

In:  predicted and true class indices, of a picture or of several.
Out: the matrix int64 [C, C + 1]; Scores: mIoU, pixel accuracy, mean accuracy, frequency-weighted
     IoU, IoU of each class.

Intersections and unions are summed over the dataset before they are divided, in int64: float32
counts are inexact past 2^24 pixels of a class.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE


@dataclass(frozen=True, kw_only=True)
class Scores:
    """All in 0..1.

    ``miou`` is the mean of ``per_class_iou`` over the classes that have one; the ``dropped``
    others, absent from both predictions and ground truth, are None there. A class predicted
    but never true scores 0 and counts. ``mean_accuracy`` is over the classes in the ground
    truth. ``pixels`` were labelled and counted.
    """

    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    fwiou: float
    per_class_iou: list[float | None]
    dropped: int
    pixels: int

    @property
    def median_iou(self) -> float:
        """Median over the classes that have an IoU."""
        return float(np.median(self._present()))

    @property
    def worst_decile_iou(self) -> float:
        """Mean IoU of the worst tenth of the classes that have one (at least one class)."""
        ious = np.sort(self._present())
        return float(ious[: max(1, len(ious) // 10)].mean())

    @property
    def miou_over_all(self) -> float:
        """mIoU with 0 for a class that is absent from predictions and ground truth."""
        return sum(iou or 0.0 for iou in self.per_class_iou) / len(self.per_class_iou)

    @property
    def ade20k_score(self) -> float:
        """The final score of the SceneParsing benchmark: the mean of pixel accuracy and of mIoU
        over all classes, absent ones as 0, as its evaluation code has it."""
        return (self.pixel_accuracy + self.miou_over_all) / 2

    def _present(self) -> NDArray[np.float64]:
        return np.array([iou for iou in self.per_class_iou if iou is not None])


def confusion(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Pixels int64 [C, C + 1] by true class (row) and predicted class (column).

    The last column counts labelled pixels that a prediction left without a class (IGNORE): they
    are misses of the true class and belong to no class's prediction, as in the SceneParsing
    benchmark's own evaluation. A pixel with target IGNORE counts nowhere. Matrices of several maps
    are added up before anything is divided.

    Args:
        pred, target: integers of one shape, 0..C-1 or IGNORE, on one device.

    Raises: InputError, for other values or shapes.
    """
    if pred.shape != target.shape:
        raise InputError(
            f"scores: wanted a prediction of the labels' size {tuple(target.shape)}, got "
            f"{tuple(pred.shape)}; resize logits, not labels"
        )
    labelled = target != IGNORE
    pred, target = pred[labelled].long(), target[labelled].long()
    for kind, values in (("predictions", pred), ("labels", target)):
        low, high = (int(bound) for bound in torch.aminmax(values)) if len(values) else (0, 0)
        if low < IGNORE or high >= num_classes:
            raise InputError(f"scores: wanted {kind} in 0..{num_classes - 1}, got {low}..{high}")
    pred = torch.where(pred == IGNORE, num_classes, pred)
    cells = target * (num_classes + 1) + pred
    size = num_classes, num_classes + 1
    return torch.bincount(cells, minlength=size[0] * size[1]).view(size)


def intersections_and_unions(counts: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels [C] of each class in both, and in either, of prediction and ground truth."""
    cells = counts.cpu().numpy()
    inside = np.diagonal(cells).copy()
    return inside, cells.sum(axis=1) + cells[:, :-1].sum(axis=0) - inside


def scores_of(counts: Tensor) -> Scores:
    """The scores of a confusion matrix. Raises: InputError, if no labelled pixel was counted."""
    inside, union = intersections_and_unions(counts)
    true = counts.sum(dim=1).cpu().numpy()
    pixels = int(true.sum())
    if pixels == 0:
        raise InputError("scores: wanted labelled pixels, got none; every pixel is ignored")
    with np.errstate(invalid="ignore"):  # 0/0 is the mark of an absent class
        iou, accuracy = inside / union, inside / true
    return Scores(
        miou=float(np.nanmean(iou)),
        pixel_accuracy=float(inside.sum() / pixels),
        mean_accuracy=float(np.nanmean(accuracy)),
        fwiou=float(np.nansum(iou * true) / pixels),
        per_class_iou=[None if np.isnan(value) else float(value) for value in iou],
        dropped=int(np.isnan(iou).sum()),
        pixels=pixels,
    )


def shifted_agreement(counts: Tensor) -> tuple[int, float] | None:
    """Whether predictions agree with labels of the next class rather than with their own: ids of
    one side that are off by one (mmsegmentation#1509, semseg#90).

    Args: counts: int64 [C, C + 1].
    Returns: how much the predicted index is above the true one, -1 or 1, and the share of the
    pixels that agree so; None unless they are twice those that agree as they are, and a fifth of
    all.
    """
    square = counts[:, :-1].double()
    pixels = float(counts.sum())
    right = float(square.diagonal().sum())
    shift = max((-1, 1), key=lambda by: float(square.diagonal(by).sum()))
    moved = float(square.diagonal(shift).sum())
    return (shift, moved / pixels) if moved > max(2 * right, 0.2 * pixels) else None


def seen_unseen(scores: Scores, unseen: Collection[int]) -> tuple[float, float, float]:
    """mIoU of the seen classes, of the unseen ones, and their harmonic mean hIoU = 2SU / (S+U).

    Both come from one all-class prediction (ZegFormer, ZegCLIP); a side without any class that
    has an IoU gives nan. ``unseen`` holds class indices.
    """
    sides: dict[bool, list[float]] = {False: [], True: []}
    for index, iou in enumerate(scores.per_class_iou):
        if iou is not None:
            sides[index in unseen].append(iou)
    seen, new = (float(np.mean(side)) if side else float("nan") for side in sides.values())
    harmonic = 2 * seen * new / (seen + new) if seen + new else 0.0
    return seen, new, harmonic
