"""Boundary IoU: how well the edges of regions are met, whatever their size.

In:  pictures with their labels and masks.
Out: BoundaryScores: of each class, IoU of the bands along the inner edges of its regions.

Cheng et al., "Boundary IoU" (CVPR 2021), for semantic maps: a pixel is in its class's band where
another class, or the picture's edge, is within d pixels of it in rows and in columns; d is 2 % of
the picture's diagonal. Intersections and unions are summed over the dataset before they are
divided. Pixels that are not labelled are taken out of both maps first, and so end a region in both.
"""

from dataclasses import dataclass
from math import hypot

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.evaluation.evaluate import Scored

DIAGONAL_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class BoundaryScores:
    """In 0..1; ``per_class_iou`` is None, and left out of ``miou``, for a class in neither map."""

    miou: float
    per_class_iou: list[float | None]


class Boundary:
    """A ``Measure``: ``counts`` [C, 2], the intersection and the union of each class's bands."""

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(num_classes, 2, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Count one picture."""
        target = scored.labels
        pred = np.where(target == IGNORE, IGNORE, scored.mask)
        in_pred, in_target = in_band(pred), in_band(target)
        both = in_pred & in_target & (pred == target)
        found, wanted, met = (
            np.bincount(labels[band & (labels != IGNORE)], minlength=len(self.counts))
            for labels, band in ((pred, in_pred), (target, in_target), (target, both))
        )
        self.counts += torch.from_numpy(np.stack([met, found + wanted - met], axis=1))

    def scores(self) -> BoundaryScores:
        """nan where nothing was labelled."""
        with np.errstate(invalid="ignore"):  # 0/0 is the mark of an absent class
            ious = self.counts[:, 0].numpy() / self.counts[:, 1].numpy()
        present = ious[~np.isnan(ious)]
        return BoundaryScores(
            miou=float(present.mean()) if len(present) else float("nan"),
            per_class_iou=[None if np.isnan(iou) else float(iou) for iou in ious],
        )


def in_band(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[H, W]: whether another value, or the picture's edge, is within reach of a pixel."""
    reach = max(1, round(DIAGONAL_SHARE * hypot(*labels.shape)))
    size = 2 * reach + 1
    outside = IGNORE - 1
    lowest = minimum_filter(labels, size, mode="constant", cval=outside)
    highest = maximum_filter(labels, size, mode="constant", cval=outside)
    band: NDArray[np.bool_] = lowest != highest
    return band
