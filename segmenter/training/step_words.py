"""Choose the words that one training step sees, so that the head learns to read, not to recite.

In:  the whole bank, the classes that the step's pictures show, and the step.
Out: a smaller bank, which classes it has, and which pictures' scenes the head is given.

Left-out classes and descriptors keep the head from relying on any one of them; classes that are
to stay unseen lose both their words and their pixels. A pure function of (seed, step) and of the
step's pictures, so that every process and every part of a step sees the same words.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.text.collapse import BankTensors

_STREAM = 3  # keeps these random numbers apart from those of order (1) and augmentation (2)


@dataclass(frozen=True)
class StepWords:
    """``bank`` of the classes ``chosen`` [C'] (indices of the whole bank); ``told`` [N] says of
    each picture of the step whether the head is given its scene."""

    bank: BankTensors
    chosen: Tensor
    told: NDArray[np.bool_]


def step_words(
    bank: BankTensors, present: NDArray[np.bool_], pictures: int, *, rng: np.random.Generator,
    unseen: frozenset[int], class_share: float, descriptor_share: float, told_share: float,
) -> StepWords:  # fmt: skip
    """Draw the words of a step.

    Args:
        present: [C] whether a class is in any of the step's pictures; pictures: N, how many.
        unseen: class indices that training must not touch.
        class_share: share of the classes absent from the step that stay as negatives; where
            nothing else is left, the first class that may be touched stays.
        descriptor_share: share of each class's descriptors that stay (always one).
        told_share: share of the pictures whose known scene the head is given, not asked for.
    """
    c, k = bank.mask.shape
    active = rng.random(c) < class_share
    keep = rng.random((c, k)) < descriptor_share
    told = rng.random(pictures) < told_share
    active |= present
    active[list(unseen)] = False
    if not active.any():
        active[min(set(range(c)) - unseen)] = True
    device = bank.mask.device
    chosen = torch.from_numpy(np.flatnonzero(active)).to(device)
    return StepWords(bank.drop(torch.from_numpy(keep).to(device)).select(chosen), chosen, told)


def renumber(labels: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """Labels in the numbering of ``chosen`` (indices of 0..classes-1); IGNORE for the others."""
    table = torch.full((classes + 1,), IGNORE, dtype=torch.int64, device=labels.device)
    table[chosen] = torch.arange(len(chosen), device=labels.device)
    return table[labels]  # IGNORE, -1, reads the last place


def step_rng(seed: int, step: int) -> np.random.Generator:
    """The draws of one step: a pure function of the two."""
    return np.random.default_rng((_STREAM, seed, step))
