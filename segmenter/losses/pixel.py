"""The loss of each pixel: cross-entropy where there is a label.

In:  logits [B, C, h, w] and labels [B, H, W] int64 (0..C-1 or IGNORE).
Out: one number with a graph; 0, never NaN, where nothing is labelled.

Labels are never shrunk to the logits, which loses what is thinner than a cell (with DINOv2-L 41.8
mIoU against 47.7, Franca#2): logits are interpolated at the places of labels. At POINTS of them
that costs what a quarter of the resolution does in windows of 256 pixels, and more in smaller ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.losses.weights import Resolution

LEAST_WEIGHT = 1e-9
POINTS = 4096  # of a picture; they are spread evenly, so few tell nearly what all would
_PLASTIC = 1.324717957244746  # 1 / it and 1 / its square are the steps of the R2 sequence


def segmentation_loss(
    logits: Tensor, labels: Tensor, resolution: Resolution = "sampled", balance: float = 0.0
) -> Tensor:
    """Pixel-wise cross-entropy (Eq. 7): mean over a picture's labelled places.

    Args:
        balance: a place weighs (its class's share of the picture) ^ -balance: 0: all alike; 1: all
            classes of a picture alike, however small.
        resolution: ``label``: all pixels of the labels, to whose size logits are interpolated;
            ``sampled``: POINTS of those pixels; ``quarter``: the centre of each cell of the logits.
    """
    if resolution == "quarter":
        target = sample_labels(labels, logits.shape[-2:]).flatten(1)
        read = logits.flatten(2)
    elif resolution == "label" or labels[0].numel() <= POINTS:
        target = labels.flatten(1)
        read = F.interpolate(logits, labels.shape[-2:], mode="bilinear").flatten(2)
    else:
        rows, columns = spread_points(labels.shape[-2:], labels.device)
        target = labels[:, rows, columns]
        read = _interpolated(logits, rows, columns, labels.shape[-2:])
    flat = read.mT.flatten(0, 1)
    each = F.cross_entropy(flat, target.flatten(), ignore_index=IGNORE, reduction="none")
    weight = (target != IGNORE).to(each.dtype)
    if balance:
        counts = weight.new_zeros(len(target), logits.shape[1] + 1)
        counts.scatter_add_(1, target + 1, weight)  # IGNORE, -1, takes the place 0
        weight = weight * counts.gather(1, target + 1).clamp_min(1) ** -balance
    return mean_over_pictures(each.view_as(target), weight)


def mean_over_pictures(values: Tensor, weight: Tensor) -> Tensor:
    """Of [B, N] values the mean over pictures of each one's weighted mean, 0 without any weight.

    Every term is such a mean: a picture then weighs the same whichever process or part of a step
    it falls to, and the mean over them is that of the whole step.
    """
    sums = torch.where(weight > 0, weight * values, 0.0).sum(dim=1)
    return (sums / weight.sum(dim=1).clamp_min(LEAST_WEIGHT)).mean()


def spread_points(size: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows and columns [POINTS] of pixels that lie evenly in (H, W): the R2 sequence.

    Always the same ones: what a point falls on changes with the window that a step cuts.
    """
    number = torch.arange(1, POINTS + 1, dtype=torch.float64)  # which Apple's GPUs have not
    rows, columns = (
        (number / _PLASTIC**power % 1 * side).long().to(device)
        for power, side in zip((1, 2), size, strict=True)
    )
    return rows, columns


def _interpolated(logits: Tensor, rows: Tensor, columns: Tensor, size: tuple[int, ...]) -> Tensor:
    """[B, C, h, w] -> [B, C, N]: ``F.interpolate(logits, size)`` at (rows, columns) alone."""
    y, x = ((at + 0.5) * (2 / side) - 1 for at, side in zip((rows, columns), size, strict=True))
    grid = torch.stack([x, y], dim=-1).to(logits.dtype).expand(len(logits), 1, -1, -1)
    read: Tensor = F.grid_sample(
        logits, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return read.squeeze(2)


def sample_labels(labels: Tensor, size: tuple[int, ...]) -> Tensor:
    """[B, H, W] -> [B, *size]: the label at the centre of each cell."""
    rows, columns = (
        ((torch.arange(cells, device=labels.device) + 0.5) * (side / cells)).long()
        for cells, side in zip(size, labels.shape[-2:], strict=True)
    )
    return labels[:, rows[:, None], columns]
