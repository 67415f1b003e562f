"""How far a model's certainty can be trusted: calibration, and whether it tells the unknown.

In:  pictures with labels, masks and what the model says of each pixel.
Out: CalibrationScores: ECE over the labelled pixels; the AUROC with which a small lead of the best
     class over the next tells pixels without a label from those with one.

Both are read off histograms of integers, so their memory is bounded and their sums are exact. They
are told in 3 or 4 decimals: the number of threads moves the last bits of logits, and with them a
few pixels across the edge of a bin.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.evaluation.evaluate import Scored

BINS = 15
_ONE = 1 << 24  # confidences are counted in units of 2^-24, which float32 has anyway
_DROPPED_BITS = 17  # of a float32's 32: steps of 1/64 within each power of two are left
_MARGIN_BINS = 1 << (31 - _DROPPED_BITS)


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """Of the pixels whose class has a probability in one of 15 equal parts of 0..1: their share of
    all, the share of them that is right, and the mean probability; None where there are none."""

    share: float
    accuracy: float | None
    confidence: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationScores:
    """``ece``, the expected calibration error of Guo et al. (2017), 0..1, and its bins."""

    ece: float
    bins: list[CalibrationBin]


class Calibration:
    """A ``Measure``: ``counts`` [15, 3], labelled pixels, right ones, and summed confidence."""

    def __init__(self) -> None:
        self.counts = torch.zeros(BINS, 3, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Count one picture."""
        labels, mask = torch.from_numpy(scored.labels), torch.from_numpy(scored.mask)
        labelled = labels != IGNORE
        confidence = scored.certainty[0][labelled].double()
        right = (labels == mask)[labelled]
        bins = ((confidence * BINS).ceil().long() - 1).clamp(0, BINS - 1)  # (0, 1/15], ...
        for column, weights in enumerate((None, right.double(), (confidence * _ONE).round())):
            counts = torch.bincount(bins, weights, minlength=BINS)
            self.counts[:, column] += counts.long()

    def scores(self) -> CalibrationScores:
        """nan where nothing was labelled."""
        pixels, right, confidence = self.counts.T.numpy().astype(np.float64)
        confidence = confidence / _ONE
        total = float(pixels.sum())
        return CalibrationScores(
            ece=round(float(np.abs(right - confidence).sum() / total), 4) if total else nan,
            bins=[
                CalibrationBin(
                    share=round(n / total, 3), accuracy=round(r / n, 3), confidence=round(c / n, 3)
                )
                if n
                else CalibrationBin(share=0.0, accuracy=None, confidence=None)
                for n, r, c in np.stack([pixels, right, confidence], axis=1).tolist()
            ],
        )


class Anomaly:
    """A ``Measure``: ``counts`` [2, bins], pixels with and without a label by the lead that their
    best class has over the next.

    The bins are those of float32 without its last 17 bits: they keep the order, whatever the
    scale of a head's logits, and hold leads that differ by less than 1/64 of themselves.
    """

    def __init__(self) -> None:
        self.counts = torch.zeros(2, _MARGIN_BINS, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Count one picture."""
        margin = scored.certainty[1].clamp(min=0).contiguous()
        bins = margin.view(torch.int32) >> _DROPPED_BITS
        labelled = torch.from_numpy(scored.labels) != IGNORE
        for row, of in enumerate((labelled, ~labelled)):
            self.counts[row] += torch.bincount(bins[of], minlength=_MARGIN_BINS)

    def auroc(self) -> float:
        """The chance that a pixel without a label has a smaller lead than one with a label, half
        for a draw within a bin; nan where either kind is missing."""
        return round(auroc(self.counts), 4)


def auroc(counts: Tensor) -> float:
    """Of [2, bins] in rising order: the chance that one of the second row is below one of the
    first, draws counted half; nan where a row is empty."""
    labelled, void = counts.double()
    pairs = float(labelled.sum() * void.sum())
    if not pairs:
        return float("nan")
    above = labelled.sum() - labelled.cumsum(0)
    return float((void * (above + labelled / 2)).sum()) / pairs
