"""Fit the part of a head that has a closed form, before its first step.

In:  an AlignedMap, kept features of every training picture, their labels, the words of the classes.
Out: the map, fitted: to all pictures, by the penalty and with the scale that read a fifth of them
     best when it was fitted to the others. From the same fifth it learns to judge whether a patch
     shows a class that it was not fitted with, by fits that leave out a quarter of the classes.

One pass over the features and two over that fifth; labels are read once (``data.packed``).
Under torchrun each rank takes its part of the pictures, to the same sums.
"""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.packed import PackedLabels
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.distributed import all_or_none, of_all_ranks, place, sum_over_ranks
from langseg.segmenter.features.kept import KeptFeatures, features_of
from langseg.segmenter.features.patch_labels import patch_labels
from langseg.segmenter.features.views import view_labels
from langseg.segmenter.heads.ridge import AlignedMap, RidgeSums, patches

PENALTIES = (0.01, 0.03, 0.1, 0.3)
SCALES = tuple(2.0 * 1.25**power for power in range(20))  # 2 to 139
HELD = 5  # every fifth picture
# A class weighs (its pixels)^-BALANCE: on a hundred pictures of COCO 0.5 was better than 0 by 0.6
# mIoU (docs/tried.md).
BALANCE = 0.5
FOLDS = 4  # of classes, hidden in turn
JUDGED = 300  # pictures at most
SHRINK = 1e-6


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
    words = words.cpu()
    folds = _folds(weights)
    rest = [RidgeSums.empty(len(aligned.weight), len(words)) for _ in folds]
    held = RidgeSums.empty(len(aligned.weight), len(words))
    with all_or_none():
        for index, x, y in fit.pictures("fitting"):
            if index % HELD:
                for sums, fold in zip(rest, folds, strict=True):
                    sums.add(x, y * fold * weights)
            else:
                held.add(x, y * weights)
    for sums in (*rest, held):
        sum_over_ranks(sums.gram)
        sum_over_ranks(sums.cross)
    whole = sum(rest, held)
    penalty = PENALTIES[-1]
    can_calibrate = bool(whole.gram[-1, -1] > held.gram[-1, -1] > 0)
    if can_calibrate:
        penalty = _calibrate(aligned, fit, sum(rest[1:], rest[0]), words, whole.cross[-1] > 0)
    aligned.fill(whole, words, penalty)
    if can_calibrate:
        aligned.judge.copy_(_judge(aligned, fit, rest, folds, weights, words, penalty))


def _folds(weights: Tensor) -> list[Tensor]:
    """Each class that has a pixel is in one: masks [C], of which neighbours lie apart."""
    seen = weights.nonzero()[:, 0]
    of = [seen[start::FOLDS] for start in range(min(FOLDS, len(seen)))]
    return [torch.zeros_like(weights).index_fill_(0, classes, 1) for classes in of]


def _calibrate(
    aligned: AlignedMap, fit: "_Fit", rest: RidgeSums, words: Tensor, seen: Tensor
) -> float:
    """Set the scale of the map; returns the penalty."""
    aligned.words.copy_(words * seen[:, None])
    near = aligned.kernel(aligned.words).mT.cpu()
    maps = [rest.solve(penalty).float() @ near for penalty in PENALTIES]
    losses = torch.zeros(len(PENALTIES), len(SCALES), dtype=torch.float64)
    with all_or_none():
        for _, x, y in fit.pictures("calibrating", HELD):
            for row, each in enumerate(maps):
                scores = x @ each
                for column, scale in enumerate(SCALES):
                    losses[row, column] -= (y * (scale * scores).log_softmax(dim=1)).sum()
    sum_over_ranks(losses)
    best = int(losses.argmin())
    aligned.scale.fill_(SCALES[best % len(SCALES)])
    return PENALTIES[best // len(SCALES)]


def _judge(
    aligned: AlignedMap, fit: "_Fit", rest: Sequence[RidgeSums], folds: Sequence[Tensor],
    weights: Tensor, words: Tensor, penalty: float,
) -> Tensor:  # fmt: skip
    """Slope and constant of a logistic regression, in which patches of classes that were hidden
    from a fit weigh as much, all together, as those of its own."""
    maps = []
    for hidden, fold in enumerate(folds):
        others = [sums for number, sums in enumerate(rest) if number != hidden]
        sums = sum(others, RidgeSums.empty(*aligned.weight.shape))
        if sums.gram[-1, -1]:
            maps.append((fold, copy.deepcopy(aligned).cpu()))
            maps[-1][1].fill(sums, words, penalty)
    leads, said = [torch.zeros(0)], [torch.zeros(0, 2)]
    with all_or_none():
        for _, x, y in fit.pictures("hiding classes", HELD * fit.thinning(JUDGED * HELD)):
            shown = y.any(dim=1)
            weighed = y[shown] * weights
            for fold, each in maps:
                leads.append(each.lead(x, words[fold > 0])[shown])
                said.append(torch.stack([weighed @ fold, weighed @ (1 - fold)], dim=1))
    found = of_all_ranks((torch.cat(leads), torch.cat(said)))
    lead, y = (torch.cat(parts).double() for parts in zip(*found, strict=True))
    return _logistic(lead, y / y.sum(dim=0)) if y.any(dim=0).all() else torch.zeros(2)


def _logistic(x: Tensor, y: Tensor) -> Tensor:
    """Slope and constant that tell x [N] apart: y [N, 2] is what each weighs as a positive, and
    as a negative."""
    mean, deviation = x.mean(), x.std().clamp_min(1e-6)
    found = torch.zeros(2, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([found], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        odds = (x - mean) / deviation * found[0] + found[1]
        likely = y * torch.stack([F.logsigmoid(odds), F.logsigmoid(-odds)], dim=1)
        total = SHRINK * found.square().sum() - likely.sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    slope, constant = found.detach()
    return torch.stack([slope / deviation, constant - slope * mean / deviation])


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
        """[C], of a mean of 1 over labelled pixels, 0 without one; of all ranks' pictures."""
        counts = torch.zeros(self._classes, dtype=torch.float64)
        with all_or_none():
            for done, index in enumerate(mine := self._mine(1), start=1):
                labels = self._labels[index]
                found = np.bincount(labels[labels >= 0], minlength=self._classes)
                counts += torch.from_numpy(found)
                self._on_progress("counting classes", done, len(mine))
        sum_over_ranks(counts)
        counts[self._hidden] = 0
        weights = counts.clamp_min(1) ** -BALANCE * (counts > 0)
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

    def thinning(self, most: int) -> int:
        """Every which picture to take for at most ``most``."""
        return -(-self._pictures // most)

    def _mine(self, every: int) -> range:
        rank, world_size = place()
        return range(rank * every, self._pictures, world_size * every)

    def _view(self, index: int, number: int, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        side = self._kept.patch
        features = features_of([self._kept.maps(index, number)], side)
        shown = view_labels(labels, self._kept.view(index, number))
        shares = patch_labels(shown, side, self._classes).float() / side**2
        shares[:, self._hidden] = 0
        return patches(features)[0], shares
