"""The loss of the image as a whole: which classes are in it, and which scene it is.

In:  logits of presence [B, C] and of scenes [B, S]; labels [B, H, W], scenes [B].
Out: one number with a graph; 0 for a batch without labels or known scenes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE


def generative_loss(
    presence: Tensor, scene_logits: Tensor, labels: Tensor, scenes: Tensor
) -> Tensor:
    """-log p(classes present | I, L) - log p(scene | I, L): the image-level part of Eq. 1.

    The pixel-level part of -log p(S | I, L) is the cross-entropy already. Presence is the mean
    Bernoulli likelihood over the bank's classes, 0 for an image without any label; the scene
    term is 0 for one whose scene is not known (row 0, "*", is no scene to learn). Both are means
    over all images.

    Args: presence: [B, C] logits; scene_logits: [B, S]; labels: [B, H, W]; scenes: [B].
    """
    present = presence.new_zeros(presence.shape[0], presence.shape[1] + 1)
    flat = labels.flatten(1)
    present.scatter_(1, torch.where(flat == IGNORE, presence.shape[1], flat), 1.0)
    present = present[:, :-1]
    bernoulli = F.binary_cross_entropy_with_logits(presence, present, reduction="none").mean(dim=1)
    labelled = present.any(dim=1)
    known = scenes > 0
    scene = F.cross_entropy(scene_logits, scenes.clamp_min(0), reduction="none")
    return (bernoulli * labelled + scene * known).mean()
