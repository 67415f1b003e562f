"""What the head is trained on: the four terms of the paper's total loss.

In:  a HeadOutput and labels [B, H, W] int64 (0..C-1 or IGNORE), scenes [B] (-1 for unknown).
Out: one number with a graph; 0, never NaN, for a batch in which nothing is labelled.

    L = l_seg CE + l_tri triplet + l_ms sum_s alpha_s CE_s + l_gen NLL        (Eq. 9)

with CE from Eq. 7, the triplet from Eq. 6, alpha_s from Eq. 8 and the NLL from Eq. 1 of
"Cross-Domain Semantic Segmentation with Large Language Model-Assisted Descriptor Generation".
Each term is a module of its own beside this one; their weights are in ``weights``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.heads.base import HeadOutput
from langseg.segmenter.losses.generative import generative_loss
from langseg.segmenter.losses.multiscale import multiscale_loss
from langseg.segmenter.losses.pixel import segmentation_loss
from langseg.segmenter.losses.triplet import region_means, triplet_loss
from langseg.segmenter.losses.weights import LossWeights


def total_loss(
    output: HeadOutput, labels: Tensor, scenes: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Eq. 9. A term that a head cannot give (text terms of a linear head) is left out.

    Every term is a mean over the pictures, so the mean of a step's parts is that of the step.

    Returns: the weighted sum, and the unweighted terms by name.
    """
    terms = {"seg": segmentation_loss(output.logits, labels, weights.resolution, weights.balance)}
    pixels, classes, to_text = output.pixels, output.classes, output.to_text
    if weights.tri and pixels is not None and classes is not None and to_text is not None:
        image, means, own = region_means(pixels, labels)
        anchors = F.normalize(to_text(means), dim=-1)
        terms["tri"] = triplet_loss(
            anchors, classes[image], own, image, pictures=len(labels), margin=weights.margin,
            guard=weights.guard,
        )  # fmt: skip
    if weights.ms and output.aux and output.alpha is not None:
        terms["ms"] = multiscale_loss(
            output.aux, output.alpha, labels, weights.resolution, weights.balance
        )
    if weights.gen and output.presence is not None and output.scene_logits is not None:
        terms["gen"] = generative_loss(output.presence, output.scene_logits, labels, scenes)
    # a term without weight has no gradient, not one of zeros, which would still move AdamW
    weighed = [name for name in terms if getattr(weights, name)] or ["seg"]
    total = torch.stack([getattr(weights, name) * terms[name] for name in weighed]).sum()
    return total, {name: term.detach() for name, term in terms.items()}
