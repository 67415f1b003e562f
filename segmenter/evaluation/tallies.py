"""Count of each class what IoU needs and no more, where there are many confusion matrices.

In:  a predicted and a true map of class indices, or a confusion matrix.
Out: int64 [3, C]: pixels right, true, and predicted, of each class; IoU of those.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE


def tally(pred: NDArray[np.int64], target: NDArray[np.int64], num_classes: int) -> Tensor:
    """Of a map of labels; a pixel with target IGNORE counts nowhere.

    Args: pred, target: [H, W] of 0..C-1 or IGNORE.
    """
    labelled = target != IGNORE
    pred, target = pred[labelled], target[labelled]
    parts = target[pred == target], target, pred[pred != IGNORE]
    return torch.from_numpy(np.stack([np.bincount(part, minlength=num_classes) for part in parts]))


def tally_of(counts: Tensor) -> Tensor:
    """Of a confusion matrix [C, C + 1]."""
    return torch.stack([counts.diagonal(), counts.sum(dim=1), counts[:, :-1].sum(dim=0)])


def labelled_miou(tallied: Tensor) -> float:
    """Mean IoU over the classes that the labels hold; nan where they hold none.

    A class that is predicted and never true takes no place in the mean, so that means over the
    same labels are means over the same classes.
    """
    right, true, predicted = tallied[:, tallied[1] > 0].double()
    return float((right / (true + predicted - right)).mean())
