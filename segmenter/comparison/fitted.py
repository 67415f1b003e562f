"""Compare arms on the map that is fitted in closed form: no step, seconds for all of them.

In:  region means of training pictures, splits, the words of arms, kept features of both splits.
Out: a Tally for each arm: Cells by split, picture and protocol; the biases that were chosen.

The shares of a patch in the trained classes do not depend on words, so all arms of a split read
the same ones: arms are paired to the last bit. Words come in by a product of two small matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.comparison.calibration import BiasChoice
from langseg.segmenter.comparison.counting import Cells, Labelled, Protocol
from langseg.segmenter.comparison.region_means import LabelledPatches, RegionMeans
from langseg.segmenter.comparison.splits import Split
from langseg.segmenter.comparison.words import ArmWords
from langseg.segmenter.data.sample import OnProgress

FOLDS = 3  # of the trained classes: each is hidden once to choose the bias
HELD = 5  # every fifth training picture is read for it, and not fitted to
PROTOTYPES = "prototypes"


@dataclass(eq=False)
class Tally:
    """``cells`` by (split, picture, protocol); ``biases`` by split, where one was chosen."""

    cells: dict[tuple[int, int, Protocol], Cells] = field(default_factory=dict)
    biases: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Pictures:
    """``count`` pictures, read one at a time."""

    count: int
    read: Callable[[int], LabelledPatches]


def compare_fitted(
    arms: Sequence[ArmWords], splits: Sequence[Split], regions: RegionMeans, classes: int,
    train: Pictures, val: Pictures, seed: int, on_progress: OnProgress,
) -> dict[str, Tally]:  # fmt: skip
    """Args: classes: C; seed: of the folds of trained classes. Raises: what reading raises."""
    tallies = {arm.label: Tally() for arm in arms}
    held_classes = torch.bincount(regions.classes, minlength=classes) > 0
    fits = [_Fit(regions, held_classes, split.unseen, classes) for split in splits]
    for number, fit in enumerate(fits):
        for arm, bias in zip(arms, _biases(arms, fit, regions, classes, train, seed), strict=True):
            tallies[arm.label].biases[number] = bias
        on_progress("calibrating", number + 1, len(fits))
    kernels = [torch.cat([arm.kernel(fit.trained) for arm in arms], dim=1) for fit in fits]
    widths = [len(arm.vectors) for arm in arms]
    for picture in range(val.count):
        patches = val.read(picture)
        labelled = Labelled(patches.counts)
        for number, (fit, kernel) in enumerate(zip(fits, kernels, strict=True)):
            of_arms = torch.split(patches.x @ fit.weight @ kernel, widths, dim=1)
            for arm, scores in zip(arms, of_arms, strict=True):
                tally = tallies[arm.label]
                found = labelled.count(scores, splits[number].unseen, tally.biases[number])
                tally.cells |= {(number, picture, name): cells for name, cells in found.items()}
        on_progress("scoring", picture + 1, val.count)
    return tallies


def compare_prototypes(
    splits: Sequence[Split], regions: RegionMeans, classes: int, per_class: Sequence[int],
    val: Pictures, seed: int, on_progress: OnProgress,
) -> Tally:  # fmt: skip
    """What pictures in place of words would do: of each class, unseen ones too, as many means of
    training regions (k-means) as it has phrases; a patch is the class of the nearest.

    It has seen what it is asked: a ceiling for words at an equal size of the bank, no rival.
    """
    mean, spread = regions.x.mean(dim=0), regions.x.std(dim=0).clamp_min(1e-3)
    rows = F.normalize((regions.x - mean) / spread, dim=1)
    means = [_k_means(rows[regions.classes == one], per_class[one], seed) for one in range(classes)]
    tally = Tally()
    for picture in range(val.count):
        patches = val.read(picture)
        x = F.normalize((patches.x - mean) / spread, dim=1)
        scores = torch.stack(
            [(x @ of.mT).amax(dim=1) if len(of) else x.new_full((len(x),), -2.0) for of in means],
            dim=1,
        )
        labelled = Labelled(patches.counts)
        for number, split in enumerate(splits):
            found = labelled.count(scores, split.unseen, None)
            tally.cells |= {(number, picture, name): cells for name, cells in found.items()}
        on_progress("prototypes", picture + 1, val.count)
    return tally


def dealt_scores(
    real: ArmWords, splits: Sequence[Split], regions: RegionMeans, classes: int, val: Pictures,
    dealings: int, seed: int, on_progress: OnProgress,
) -> list[float]:  # fmt: skip
    """Accuracy among the unseen, in points, of the real words dealt to the classes at random, each
    class all the words of one: what luck alone gives this vocabulary on these pictures."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(classes, generator=generator) for _ in range(dealings)]
    dealt = [replace(real, vectors=real.vectors[order]) for order in orders]
    held = torch.bincount(regions.classes, minlength=classes) > 0
    fits = [_Fit(regions, held, split.unseen, classes) for split in splits]
    kernels = [
        torch.stack([one.kernel(fit.trained)[:, list(split.unseen)] for one in dealt], dim=1)
        for fit, split in zip(fits, splits, strict=True)
    ]
    right = torch.zeros(dealings, len(splits), classes, dtype=torch.float64)
    whole = torch.zeros(len(splits), classes, dtype=torch.float64)
    for picture in range(val.count):
        patches = val.read(picture)
        for number, (split, fit, kernel) in enumerate(zip(splits, fits, kernels, strict=True)):
            counts = patches.counts[:, list(split.unseen)]
            rows = counts.sum(dim=1) > 0
            counts = counts[rows].double()
            scores = torch.einsum("nc,cdu->ndu", patches.x[rows] @ fit.weight, kernel)
            said = F.one_hot(scores.argmax(dim=2), len(split.unseen)).double()
            right[:, number, list(split.unseen)] += torch.einsum("nu,ndu->du", counts, said)
            whole[number, list(split.unseen)] += counts.sum(dim=0)
        on_progress("dealing", picture + 1, val.count)
    asked = whole > 0
    return [float(100 * (one[asked] / whole[asked]).mean()) for one in right]


class _Fit:
    """``weight`` [F+1, C]: shares of the ``trained`` classes, bool [C], that are not hidden."""

    def __init__(
        self, regions: RegionMeans, held: Tensor, hidden: Sequence[int], classes: int,
        pictures: Tensor | None = None,
    ) -> None:  # fmt: skip
        self.trained = held.clone()
        self.trained[list(hidden)] = False
        rows = self.trained[regions.classes]
        if pictures is not None:
            rows = rows & pictures[regions.pictures]
            self.trained = self.trained & (
                torch.bincount(regions.classes[rows], minlength=classes) > 0
            )
        self.weight = regions.shares(rows, classes)


def _biases(
    arms: Sequence[ArmWords], fit: _Fit, regions: RegionMeans, classes: int, train: Pictures,
    seed: int,
) -> list[float]:  # fmt: skip
    choices = [BiasChoice(classes) for _ in arms]
    fitted = torch.arange(train.count) % HELD != 0
    trained = fit.trained.nonzero()[:, 0].numpy()
    order = np.random.default_rng(seed).permutation(trained)
    unseen = (~fit.trained).nonzero()[:, 0].tolist()
    folds = []
    for fold in np.array_split(order, FOLDS):
        inner = _Fit(regions, fit.trained, [*unseen, *fold.tolist()], classes, fitted)
        if not len(fold) or not inner.trained.any():  # few classes, few pictures: no bias is chosen
            continue
        hidden = torch.zeros(classes, dtype=torch.bool)
        hidden[torch.from_numpy(fold)] = True
        folds.append((inner, hidden, [arm.kernel(inner.trained)[:, :classes] for arm in arms]))
    for picture in range(0, train.count, HELD):
        patches = train.read(picture)
        x, counts = patches.x[::2], patches.counts[::2]
        for inner, hidden, kernels in folds:
            shares = x @ inner.weight
            for choice, kernel in zip(choices, kernels, strict=True):
                choice.add(shares @ kernel, counts, hidden, inner.trained)
    return [choice.best() for choice in choices]


def _k_means(rows: Tensor, count: int, seed: int) -> Tensor:
    """Unit centres [<= count, F+1] of unit rows."""
    if len(rows) <= count:
        return rows
    generator = torch.Generator().manual_seed(seed)
    centres = rows[torch.randperm(len(rows), generator=generator)[:count]]
    for _ in range(20):
        nearest = (rows @ centres.mT).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        held = torch.bincount(nearest, minlength=len(centres)) > 0
        centres = torch.where(held[:, None], F.normalize(sums, dim=1), centres)
    return centres
