"""Choose the words that one training step sees, so that the head learns to read, not to recite.

In:  the whole bank, a batch's labels and scenes, and the step.
Out: a smaller bank, the labels in its class numbers, and the scenes the head is given.

Left-out classes and descriptors keep the head from relying on any one of them; classes that are
to stay unseen lose both their words and their pixels. A pure function of (seed, step, rank).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, BankTensors

_STREAM = 3  # keeps these random numbers apart from those of order (1) and augmentation (2)


@dataclass(frozen=True)
class StepWords:
    """``labels`` [B, H, W] in 0..C'-1 of ``bank``, or IGNORE; ``known`` [B] scene indices or -1."""

    bank: BankTensors
    labels: Tensor
    known: Tensor


def step_words(
    bank: BankTensors, labels: Tensor, scenes: Tensor, *, rng: np.random.Generator,
    unseen: frozenset[int], class_share: float, descriptor_share: float, told_share: float,
) -> StepWords:  # fmt: skip
    """Draw the words of a step.

    Args:
        labels: [B, H, W] of 0..C-1 or IGNORE; scenes: [B] true scene indices or -1.
        unseen: class indices that training must not touch.
        class_share: share of the classes absent from the batch that stay as negatives; where
            nothing else is left, the first class that may be touched stays.
        descriptor_share: share of each class's descriptors that stay (always one).
        told_share: share of the images whose known scene the head is given, not asked for.
    """
    c, k = bank.mask.shape
    active = rng.random(c) < class_share
    keep = rng.random((c, k)) < descriptor_share
    given = rng.random(len(scenes)) < told_share
    present = np.unique(labels.cpu().numpy())
    active[present[present != IGNORE]] = True
    active[list(unseen)] = False
    if not active.any():
        active[min(set(range(c)) - unseen)] = True
    chosen = _tensor(np.flatnonzero(active), bank.mask.device)
    return StepWords(
        bank.drop(_tensor(keep, bank.mask.device)).select(chosen),
        renumber(labels, chosen, c),
        torch.where(_tensor(given, scenes.device), scenes, UNKNOWN_SCENE),
    )


def renumber(labels: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """Labels in the numbering of ``chosen`` (indices of 0..classes-1); IGNORE for the others."""
    table = torch.full((classes + 1,), IGNORE, dtype=torch.int64, device=labels.device)
    table[chosen] = torch.arange(len(chosen), device=labels.device)
    return table[labels]  # IGNORE, -1, reads the last place


def step_rng(seed: int, step: int, rank: int) -> np.random.Generator:
    return np.random.default_rng((_STREAM, seed, step, rank))


def _tensor(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)
