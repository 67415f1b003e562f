"""The loss of each pixel: cross-entropy where there is a label.

In:  logits [B, C, h, w] and labels [B, H, W] int64 (0..C-1 or IGNORE).
Out: one number with a graph; 0, never NaN, where nothing is labelled.

Labels are sampled at the centre of each logit's cell: a stride-4 map is scored at stride 4,
which costs a sixteenth of the full resolution.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Pixel-wise cross-entropy (Eq. 7), mean over the labelled cells of [B, C, h, w]."""
    target = sample_labels(labels, logits.shape[-2:])
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    summed = F.cross_entropy(flat, target.flatten(), ignore_index=IGNORE, reduction="sum")
    return summed / (target != IGNORE).sum().clamp_min(1)


def sample_labels(labels: Tensor, size: tuple[int, ...]) -> Tensor:
    """[B, H, W] -> [B, *size]: the label at the centre of each cell."""
    rows, columns = (
        ((torch.arange(cells, device=labels.device) + 0.5) * (side / cells)).long()
        for cells, side in zip(size, labels.shape[-2:], strict=True)
    )
    return labels[:, rows[:, None], columns]
