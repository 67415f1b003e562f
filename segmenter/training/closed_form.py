"""Fit the part of a head that has a closed form, before its first step.

In:  an AlignedMap, kept features of every training picture, their labels, the words of the classes.
Out: the map, fitted: to all pictures, by the penalty and with the scale that read a fifth of them
     best when it was fitted to the others.

One pass over the features and a second over that fifth; labels are read once (``data.packed``).
Under torchrun each rank takes its part of the pictures, to the same sums.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.packed import PackedLabels
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.distributed import all_or_none, place, sum_over_ranks
from langseg.segmenter.features.kept import KeptFeatures, features_of
from langseg.segmenter.features.views import view_labels
from langseg.segmenter.heads.ridge import AlignedMap, RidgeSums, patches

PENALTIES = (0.01, 0.03, 0.1, 0.3)
SCALES = tuple(2.0 * 1.25**power for power in range(20))  # 2 to 139
HELD = 5  # every fifth picture
# A class weighs (its pixels)^-BALANCE: on a hundred pictures of COCO 0.5 was better than 0 by 0.6
# mIoU (docs/tried.md).
BALANCE = 0.5


def fit_aligned(
    aligned: AlignedMap, kept: KeptFeatures, samples: Sequence[Sample], rule: LabelRule,
    words: Tensor, hidden: frozenset[int], on_progress: OnProgress,
) -> None:  # fmt: skip
    """Fit in place.

    Args: words: unit class vectors [C, D] of the bank, in its order; hidden: classes whose pixels
    are left out, as if they had no label.

    Raises: InputError, for files that cannot be used; LangSegError, where another rank is gone.
    """
    fit = _Fit(kept, samples, rule, len(words), hidden, on_progress)
    weights = fit.class_weights()
    rest, held = (RidgeSums.empty(len(aligned.weight), len(words)) for _ in range(2))
    with all_or_none():
        for index, x, y in fit.pictures("fitting"):
            (rest if index % HELD else held).add(x, y * weights)
    for sums in (rest, held):
        sum_over_ranks(sums.gram)
        sum_over_ranks(sums.cross)
    whole = rest + held
    seen = whole.cross[-1] > 0
    aligned.words.copy_(words.cpu() * seen[:, None])
    losses = torch.zeros(len(PENALTIES), len(SCALES), dtype=torch.float64)
    if rest.gram[-1, -1] and held.gram[-1, -1]:
        near = aligned.kernel(aligned.words).mT.cpu()
        maps = [rest.solve(penalty).float() @ near for penalty in PENALTIES]
        with all_or_none():
            for _, x, y in fit.pictures("calibrating", HELD):
                for row, each in enumerate(maps):
                    scores = x @ each
                    for column, scale in enumerate(SCALES):
                        losses[row, column] -= (y * (scale * scores).log_softmax(dim=1)).sum()
        sum_over_ranks(losses)
        best = int(losses.argmin())
        aligned.scale.fill_(SCALES[best % len(SCALES)])
        penalty = PENALTIES[best // len(SCALES)]
    else:
        penalty = PENALTIES[-1]
    aligned.weight.copy_(whole.solve(penalty))


class _Fit:
    """The pictures of one rank, as patches and the shares of their labels."""

    def __init__(
        self, kept: KeptFeatures, samples: Sequence[Sample], rule: LabelRule, classes: int,
        hidden: frozenset[int], on_progress: OnProgress,
    ) -> None:  # fmt: skip
        self._kept, self._pictures = kept, len(samples)
        self._labels = PackedLabels(samples, rule)
        self._classes, self._hidden, self._on_progress = classes, sorted(hidden), on_progress

    def class_weights(self) -> Tensor:
        """[C], of a mean of 1 over labelled pixels; of all ranks' pictures."""
        counts = torch.zeros(self._classes, dtype=torch.float64)
        with all_or_none():
            for done, index in enumerate(mine := self._mine(1), start=1):
                labels = self._labels[index]
                found = np.bincount(labels[labels >= 0], minlength=self._classes)
                counts += torch.from_numpy(found)
                self._on_progress("counting classes", done, len(mine))
        sum_over_ranks(counts)
        counts[self._hidden] = 0
        weights = counts.clamp_min(1) ** -BALANCE
        return (weights * (counts.sum() / (weights * counts).sum().clamp_min(1e-12))).float()

    def pictures(self, phase: str, every: int = 1) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Index, patches [N, F+1] and label shares [N, C] of every ``every``-th picture, all its
        views together."""
        mine = self._mine(every)
        for done, index in enumerate(mine, start=1):
            labels = self._labels[index]
            of_views = [self._view(index, number, labels) for number in range(self._kept.views)]
            x, y = (torch.cat(parts) for parts in zip(*of_views, strict=True))
            yield index, x, y
            self._on_progress(phase, done, len(mine))

    def _mine(self, every: int) -> range:
        rank, world_size = place()
        return range(rank * every, self._pictures, world_size * every)

    def _view(self, index: int, number: int, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        side = self._kept.patch
        features = features_of([self._kept.maps(index, number)], side)
        shown = view_labels(labels, self._kept.view(index, number))
        h, w = (pixels // side for pixels in shown.shape)
        cells = np.arange(h * w).reshape(h, w).repeat(side, 0).repeat(side, 1)
        places = cells * (self._classes + 1) + shown + 1  # IGNORE, -1, is the first
        counts = np.bincount(places.ravel(), minlength=h * w * (self._classes + 1))
        shares = torch.from_numpy(counts).view(h * w, -1)[:, 1:].float() / side**2
        shares[:, self._hidden] = 0
        return patches(features)[0], shares
