"""Count pixels of a whole dataset in one matrix, and read the scores off it.

In:  predicted and true class indices, picture by picture.
Out: Scores: mIoU, pixel accuracy, mean accuracy, frequency-weighted IoU, IoU of each class.

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

    def _present(self) -> NDArray[np.float64]:
        return np.array([iou for iou in self.per_class_iou if iou is not None])


class ConfusionMatrix:
    """``counts`` int64 [C, C + 1]: pixels by true class (row) and predicted class (column).

    The last column counts labelled pixels that a prediction left without a class (IGNORE):
    they are misses of the true class and belong to no class's prediction, as in the
    SceneParsing benchmark's own evaluation. Sum ``counts`` over processes to merge matrices.
    """

    def __init__(self, num_classes: int, device: torch.device | str = "cpu") -> None:
        self.num_classes = num_classes
        self.counts = torch.zeros(num_classes, num_classes + 1, dtype=torch.int64, device=device)

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Count one map, or a batch of them; a pixel with target IGNORE counts nowhere.

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
            if low < IGNORE or high >= self.num_classes:
                raise InputError(
                    f"scores: wanted {kind} in 0..{self.num_classes - 1}, got {low}..{high}"
                )
        pred = torch.where(pred == IGNORE, self.num_classes, pred)
        cells = target * (self.num_classes + 1) + pred
        self.counts += torch.bincount(cells, minlength=self.counts.numel()).view_as(self.counts)

    def intersections_and_unions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pixels [C] of each class in both, and in either, of prediction and ground truth."""
        counts = self.counts.cpu().numpy()
        inside = np.diagonal(counts).copy()
        return inside, counts.sum(axis=1) + counts[:, :-1].sum(axis=0) - inside

    def scores(self) -> Scores:
        """Raises: InputError, if no labelled pixel was counted."""
        inside, union = self.intersections_and_unions()
        true = self.counts.sum(dim=1).cpu().numpy()
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
