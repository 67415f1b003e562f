"""Compare arms on the map that is fitted in closed form: no step, seconds for all of them.

In:  region means of training pictures, perhaps of further datasets beside them, splits, the words
     of arms, kept features of both splits.
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
from langseg.segmenter.comparison.clusters import k_means
from langseg.segmenter.comparison.counting import Cells, Labelled, Protocol
from langseg.segmenter.comparison.reader import Reader
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


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """``regions`` of the dataset's C classes, and of B more of datasets beside it, whose pictures
    are numbered behind its own; ``same`` bool [C, C+B]: which classes show the same thing as one
    of the C, each itself among them. They are hidden together. ``reader``: of the pictures, too."""

    regions: RegionMeans
    same: Tensor
    reader: Reader = Reader()

    @classmethod
    def alone(cls, regions: RegionMeans, classes: int) -> "TrainedOn":
        """Nothing beside it."""
        return cls(regions, torch.eye(classes, dtype=torch.bool))

    @property
    def held(self) -> Tensor:
        """bool [C+B]: which classes have a region."""
        return torch.bincount(self.regions.classes, minlength=self.same.shape[1]) > 0


def compare_fitted(
    arms: Sequence[ArmWords], splits: Sequence[Split], on: TrainedOn, train: Pictures,
    val: Pictures, seed: int, on_progress: OnProgress,
) -> dict[str, Tally]:  # fmt: skip
    """Args: seed: of the folds of trained classes. Raises: what reading raises."""
    tallies = {arm.label: Tally() for arm in arms}
    fits = [_Fit(on, on.held, split.unseen) for split in splits]
    for number, fit in enumerate(fits):
        for arm, bias in zip(arms, _biases(arms, fit, on, train, seed), strict=True):
            tallies[arm.label].biases[number] = bias
        on_progress("calibrating", number + 1, len(fits))
    kernels = [
        torch.cat([arm.kernel(fit.trained, on.reader.rank) for arm in arms], dim=1) for fit in fits
    ]
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
    means = [k_means(rows[regions.classes == one], per_class[one], seed) for one in range(classes)]
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
    real: ArmWords, splits: Sequence[Split], on: TrainedOn, val: Pictures, dealings: int,
    seed: int, on_progress: OnProgress,
) -> list[float]:  # fmt: skip
    """Accuracy among the unseen, in points, of the real words dealt to the classes at random, each
    class all the words of one: what luck alone gives this vocabulary on these pictures. Datasets
    beside it keep their words."""
    classes = len(on.same)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(classes, generator=generator) for _ in range(dealings)]
    dealt = [replace(real, vectors=real.vectors[order]) for order in orders]
    fits = [_Fit(on, on.held, split.unseen) for split in splits]
    kernels = [
        torch.stack(
            [one.kernel(fit.trained, on.reader.rank)[:, list(split.unseen)] for one in dealt], dim=1
        )
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
    """``weight`` [F+1, C+B]: shares of the ``trained`` classes, bool [C+B]: those that are
    ``held`` and show nothing that is hidden."""

    def __init__(
        self, on: TrainedOn, held: Tensor, hidden: Sequence[int], left_out: Tensor | None = None
    ) -> None:
        """Args: hidden: of the C; left_out: bool [P], pictures that are not fitted to."""
        regions, classes = on.regions, on.same.shape[1]
        self.trained = held & ~on.same[list(hidden)].any(dim=0)
        rows = self.trained[regions.classes]
        if left_out is not None:
            rows = rows & ~left_out[regions.pictures]
            self.trained = self.trained & (
                torch.bincount(regions.classes[rows], minlength=classes) > 0
            )
        self.weight = regions.shares(rows, classes, on.reader.penalty)


def _biases(
    arms: Sequence[ArmWords], fit: _Fit, on: TrainedOn, train: Pictures, seed: int
) -> list[float]:
    classes = len(on.same)
    choices = [BiasChoice(classes) for _ in arms]
    left_out = torch.zeros(int(on.regions.pictures.max()) + 1, dtype=torch.bool)
    left_out[: train.count : HELD] = True
    order = np.random.default_rng(seed).permutation(fit.trained[:classes].nonzero()[:, 0].numpy())
    folds = []
    for fold in np.array_split(order, FOLDS):
        inner = _Fit(on, fit.trained, fold.tolist(), left_out)
        if (
            not len(fold) or not inner.trained[:classes].any()
        ):  # few classes, few pictures: no bias is chosen
            continue
        hidden = torch.zeros(classes, dtype=torch.bool)
        hidden[torch.from_numpy(fold)] = True
        folds.append(
            (
                inner,
                hidden,
                [arm.kernel(inner.trained, on.reader.rank)[:, :classes] for arm in arms],
            )
        )
    for picture in range(0, train.count, HELD):
        patches = train.read(picture)
        x, counts = patches.x[::2], patches.counts[::2]
        for inner, hidden, kernels in folds:
            shares = x @ inner.weight
            for choice, kernel in zip(choices, kernels, strict=True):
                choice.add(shares @ kernel, counts, hidden, inner.trained[:classes])
    return [choice.best() for choice in choices]
