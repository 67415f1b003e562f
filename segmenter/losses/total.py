"""What the head is trained on: the four terms of the paper's total loss.

In:  a HeadOutput and labels [B, H, W] int64 (0..C-1 or IGNORE), scenes [B] (-1 for unknown).
Out: one number with a graph; 0, never NaN, for a batch in which nothing is labelled.

    L = l_seg CE + l_tri triplet + l_ms sum_s alpha_s CE_s + l_gen NLL        (Eq. 9)

with CE from Eq. 7, the triplet from Eq. 6, alpha_s from Eq. 8 and the NLL from Eq. 1 of
"Cross-Domain Semantic Segmentation with Large Language Model-Assisted Descriptor Generation".
Labels are sampled at the centre of each logit's cell: a stride-4 map is scored at stride 4,
which costs a sixteenth of the full resolution.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.cache.errors import UsageError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.heads.dense import HeadOutput


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each term, 0 to leave it out; ``margin`` and ``guard`` belong to the triplet.

    ``margin``: wanted gap between the cosines to the own and to the hardest other class;
    ``guard``: classes whose text cosine to the own class is above it are near-synonyms and
    are no negatives.
    """

    seg: float = 1.0
    tri: float = 0.1
    ms: float = 0.4
    gen: float = 0.1
    margin: float = 0.2
    guard: float = 0.8

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0:
                raise UsageError(f"loss: wanted {name} 0 or more, got {value}")


def total_loss(
    output: HeadOutput, labels: Tensor, scenes: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Eq. 9. A term that a head cannot give (text terms of a linear head) is left out.

    Returns: the weighted sum, and the unweighted terms by name.
    """
    terms = {"seg": segmentation_loss(output.logits, labels)}
    pixels, classes, to_text = output.pixels, output.classes, output.to_text
    if weights.tri and pixels is not None and classes is not None and to_text is not None:
        image, means, own = region_means(pixels, labels)
        anchors = F.normalize(to_text(means), dim=-1)
        terms["tri"] = triplet_loss(
            anchors, classes[image], own, margin=weights.margin, guard=weights.guard
        )
    if weights.ms and output.aux and output.alpha is not None:
        terms["ms"] = multiscale_loss(output.aux, output.alpha, labels)
    if weights.gen and output.presence is not None and output.scene_logits is not None:
        terms["gen"] = generative_loss(output.presence, output.scene_logits, labels, scenes)
    total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Pixel-wise cross-entropy (Eq. 7), mean over the labelled cells of [B, C, h, w]."""
    target = sample_labels(labels, logits.shape[-2:])
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    summed = F.cross_entropy(flat, target.flatten(), ignore_index=IGNORE, reduction="sum")
    return summed / (target != IGNORE).sum().clamp_min(1)


def multiscale_loss(aux: tuple[Tensor, ...], alpha: Tensor, labels: Tensor) -> Tensor:
    """sum_s alpha_s CE_s, with the weights of the feature sum (Eq. 8).

    alpha is not trained here: it would move to whichever tap is easiest, not most useful.
    """
    terms = torch.stack([segmentation_loss(logits, labels) for logits in aux])
    return (alpha.detach() * terms).sum()


def triplet_loss(
    anchors: Tensor, classes: Tensor, own: Tensor, *, margin: float, guard: float
) -> Tensor:
    """max(0, margin + cos(anchor, negative) - cos(anchor, positive)), mean over anchors (Eq. 6).

    The negative is the hardest class of the bank that is not a near-synonym; an anchor without
    one counts nothing.

    Args:
        anchors: [M, D] unit vectors, one for each class in each image.
        classes: [M, C, D] unit class vectors, as the image of each anchor sees them.
        own: [M] class index of each anchor.
    """
    similarity = torch.einsum("md,mcd->mc", anchors, classes)
    positives = classes[torch.arange(len(own), device=own.device), own]
    text = torch.einsum("md,mcd->mc", positives, classes)
    excluded = (text > guard).scatter(1, own.unsqueeze(1), True)
    hardest = similarity.masked_fill(excluded, -torch.inf).amax(dim=1)
    positive = similarity.gather(1, own.unsqueeze(1)).squeeze(1)
    counts = torch.isfinite(hardest)
    losses = F.relu(margin + hardest[counts] - positive[counts])
    return losses.sum() / counts.sum().clamp_min(1)


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


def generative_loss(
    presence: Tensor, scene_logits: Tensor, labels: Tensor, scenes: Tensor
) -> Tensor:
    """-log p(classes present | I, L) - log p(scene | I, L): the image-level part of Eq. 1.

    The pixel-level part of -log p(S | I, L) is the cross-entropy already. Presence is the mean
    Bernoulli likelihood over the bank's classes, over images with any label; the scene term is
    the mean over images whose scene is known (0 or more; row 0, "*", is no scene to learn).

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
    return _mean_where(bernoulli, labelled) + _mean_where(scene, known)


def sample_labels(labels: Tensor, size: tuple[int, ...]) -> Tensor:
    """[B, H, W] -> [B, *size]: the label at the centre of each cell."""
    rows, columns = (
        ((torch.arange(cells, device=labels.device) + 0.5) * (side / cells)).long()
        for cells, side in zip(size, labels.shape[-2:], strict=True)
    )
    return labels[:, rows[:, None], columns]


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp_min(1)
