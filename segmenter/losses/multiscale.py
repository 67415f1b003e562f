"""The loss of each tap's own map, weighed as the head weighs the taps.

In:  one [B, C, h, w] a tap, the weights of the taps, and labels [B, H, W].
Out: one number with a graph.
"""

import torch
from torch import Tensor

from langseg.segmenter.losses.pixel import segmentation_loss
from langseg.segmenter.losses.weights import Resolution


def multiscale_loss(
    aux: tuple[Tensor, ...], alpha: Tensor, labels: Tensor, resolution: Resolution = "sampled",
    balance: float = 0.0,
) -> Tensor:  # fmt: skip
    """sum_s alpha_s CE_s, with the weights of the feature sum (Eq. 8).

    alpha is not trained here: it would move to whichever tap is easiest, not most useful.
    """
    terms = torch.stack([segmentation_loss(each, labels, resolution, balance) for each in aux])
    return (alpha.detach() * terms).sum()
