"""Choose the one bias that lets what was not trained compete, on training pictures alone.

In:  scores of patches in which a part of the *trained* classes was hidden, and their labels.
Out: the bias with the best harmonic mean of the mIoU of the classes that were hidden and of those
     that were not.

It is chosen apart for each arm and split, on pictures that the fit did not read, and never sees a
pixel of a class that the split hides. (Calibrated stacking: Chao et al., ECCV 2016.)
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GRID = 61  # biases that are tried


class BiasChoice:
    """Patches are added, fold by fold; ``best`` reads all of them. In memory: 16 bytes a patch."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._gaps: list[NDArray[np.float32]] = []
        self._said: list[NDArray[np.int32]] = []

    def add(self, scores: Tensor, counts: Tensor, hidden: Tensor, trained: Tensor) -> None:
        """Args: scores: [N, C] of the dataset's classes; counts: int64 [N, C]; hidden, trained:
        bool [C], the classes that compete; a patch without a pixel of them is left out."""
        counts = counts * (hidden | trained)
        held = counts.sum(dim=1) > 0
        scores, true = scores[held], counts[held].argmax(dim=1)
        known, new = (scores.masked_fill(~one, -torch.inf).max(dim=1) for one in (trained, hidden))
        # A class is hidden in one fold and trained in others: in the former it has a place of its
        # own behind the C.
        places = true + self._classes * hidden[true], known.indices, self._classes + new.indices
        self._gaps.append((known.values - new.values).numpy())
        self._said.append(torch.stack(places).int().numpy())

    def best(self) -> float:
        """0 where nothing was added."""
        if not self._gaps:
            return 0.0
        gaps, said = np.concatenate(self._gaps), np.concatenate(self._said, axis=1)
        biases = np.quantile(gaps, np.linspace(0, 1, GRID))
        # what is new from a bias on, and known below it
        step = np.searchsorted(biases, gaps, side="right")
        true, known, new = said
        size = 2 * self._classes
        below, above = (_table(step, of, size).cumsum(axis=0) for of in (known, new))
        right_below = _table(step[known == true], true[known == true], size).cumsum(axis=0)
        right_above = _table(step[new == true], true[new == true], size).cumsum(axis=0)
        right = right_below[-1] - right_below + right_above
        predicted = below[-1] - below + above
        totals = np.bincount(true, minlength=size)
        iou = right / np.maximum(totals + predicted - right, 1)
        known_side, new_side = (
            iou[:, side][:, totals[side] > 0].mean(axis=1)
            for side in (slice(self._classes), slice(self._classes, None))
            if (totals[side] > 0).any()
        )
        harmonic = 2 * known_side * new_side / np.maximum(known_side + new_side, 1e-12)
        return float(biases[int(np.argmax(harmonic[:GRID]))])


def _table(step: NDArray[np.int64], place: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """[GRID + 1, size]: how many of each place are answered anew at each step."""
    return np.bincount(step * size + place, minlength=(GRID + 1) * size).reshape(GRID + 1, size)
