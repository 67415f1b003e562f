"""Turn the pixels of a picture into what a backbone reads.

In:  uint8 [..., H, W, 3], as ``decode_image`` gives them.
Out: float32 [..., 3, H, W] in 0..1: one scale for training, evaluation, prediction, pretraining.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def unit_floats(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """On the pixels' own device, in their own order in memory (channels last)."""
    return torch.as_tensor(pixels).movedim(-1, -3).float() / 255
