"""The loss of regions: each nearer to its own class's words than to the hardest other's.

In:  pixels and labels, from which regions are averaged; unit class vectors.
Out: one number with a graph; 0 where no region is labelled.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.losses.pixel import sample_labels


def region_means(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean pixel of each class in each image.

    Args: pixels: [B, e, h, w]; labels: [B, H, W].
    Returns: image index [M], means [M, e], class index [M].
    """
    target = sample_labels(labels, pixels.shape[-2:])
    values = int(target.max()) + 2  # IGNORE, -1, takes the place 0
    images = torch.arange(len(target), device=target.device).view(-1, 1, 1)
    regions, inverse, counts = torch.unique(
        images * values + target + 1, return_inverse=True, return_counts=True
    )
    flat = pixels.permute(0, 2, 3, 1).flatten(0, 2)
    summed = pixels.new_zeros(len(regions), flat.shape[1]).index_add(0, inverse.flatten(), flat)
    image, label = regions // values, regions % values - 1
    labelled = label != IGNORE
    return image[labelled], (summed / counts.unsqueeze(1))[labelled], label[labelled]


def triplet_loss(
    anchors: Tensor, classes: Tensor, own: Tensor, image: Tensor, *, pictures: int,
    margin: float, guard: float,
) -> Tensor:  # fmt: skip
    """max(0, margin + cos(anchor, negative) - cos(anchor, positive)) (Eq. 6), mean over a picture's
    anchors, then over the pictures.

    The negative is the hardest class of the bank that is not a near-synonym; an anchor without
    one counts nothing.

    Args:
        anchors: [M, D] unit vectors, one for each class in each image.
        classes: [M, C, D] unit class vectors, as the image of each anchor sees them.
        own: [M] class index of each anchor; image: [M] which picture it is of.
        pictures: B, with those that have no anchor.
    """
    similarity = torch.einsum("md,mcd->mc", anchors, classes)
    positives = classes[torch.arange(len(own), device=own.device), own]
    text = torch.einsum("md,mcd->mc", positives, classes)
    excluded = (text > guard).scatter(1, own.unsqueeze(1), True)
    hardest = similarity.masked_fill(excluded, -torch.inf).amax(dim=1)
    positive = similarity.gather(1, own.unsqueeze(1)).squeeze(1)
    counts = torch.isfinite(hardest)
    losses = F.relu(margin + hardest[counts] - positive[counts])
    image = image[counts]
    return (losses / torch.bincount(image, minlength=pictures)[image]).sum() / pictures
