"""Count where the pixels of a picture went, in the three ways in which unseen classes are asked.

In:  scores of each patch for all asked classes, the pixels of each class in it, what is unseen.
Out: Cells, the picture's confusion matrix in each protocol without its empty cells.

A patch is answered as a whole, and counts with all its labelled pixels.

    among        pixels of unseen classes alone; these and things that are nowhere compete
    all          all labelled pixels; all classes compete, nothing is added to any
    calibrated   the same, with one bias on what was not trained
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Protocol = Literal["among", "all", "calibrated"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


class Cells(NamedTuple):
    """``true``, ``predicted`` int64 [n]: class indices; from C on: a thing that is nowhere.
    ``pixels`` int64 [n], never 0."""

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    pixels: NDArray[np.int64]


class Labelled:
    """The labels of a picture's patches, each patch beside each class that it holds."""

    def __init__(self, counts: Tensor) -> None:
        """Args: counts: int64 [N, C]."""
        self.classes = counts.shape[1]
        patch, self._true = (of.numpy() for of in counts.nonzero(as_tuple=True))
        self._patch, self._pixels = patch, counts.numpy()[patch, self._true]

    def count(
        self, scores: Tensor, unseen: Sequence[int], bias: float | None
    ) -> dict[Protocol, Cells]:
        """Args:
        scores: [N, C'] of asked classes, C' >= C; unseen: classes of the C.
        bias: what is added to the scores of all that was not trained; None leaves that
            protocol out.
        """
        new = torch.zeros(scores.shape[1], dtype=torch.bool)
        new[list(unseen)] = True
        new[self.classes :] = True
        asked = new.nonzero()[:, 0]
        among = asked[scores[:, asked].argmax(dim=1)]
        found: dict[Protocol, Cells] = {
            "among": self._cells(among, np.isin(self._true, unseen)),
            "all": self._cells(scores.argmax(dim=1)),
        }
        if bias is not None:
            found["calibrated"] = self._cells((scores + bias * new).argmax(dim=1))
        return found

    def _cells(self, predicted: Tensor, held: NDArray[np.bool_] | slice = slice(None)) -> Cells:
        said = predicted.numpy()[self._patch[held]]
        places = said * self.classes + self._true[held]
        pixels = np.bincount(places, self._pixels[held]).astype(np.int64)
        filled = np.flatnonzero(pixels)
        return Cells(filled % self.classes, filled // self.classes, pixels[filled])
