"""Say of every patch of a view how many of its pixels have each label.

In:  labels of a view, whole patches high and wide, and the side of a patch.
Out: counts [h * w, C].
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def patch_labels(labels: NDArray[np.integer], patch: int, classes: int) -> Tensor:
    """int64 [h * w, C]; a pixel of no label counts nowhere.

    Args: labels: [h * patch, w * patch] of 0..C-1 or IGNORE.
    """
    h, w = (pixels // patch for pixels in labels.shape)
    cells = np.arange(h * w).reshape(h, w).repeat(patch, 0).repeat(patch, 1)
    places = cells * (classes + 1) + labels.astype(np.int64) + 1  # IGNORE, -1, is the first
    counts = np.bincount(places.ravel(), minlength=h * w * (classes + 1))
    return torch.from_numpy(counts).view(h * w, -1)[:, 1:]
