"""Mean features of every labelled region: what a closed-form comparison is fitted to.

In:  kept features of pictures, their labels.
Out: RegionMeans, a row for each picture and class that it holds; ridge regressions of them, which
     give a patch's share of each class.

A picture gives a class one row however large it is there, so that a sky weighs no more than a bird.
A split of classes is a choice of rows, and costs one solution of a linear system.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.comparison.reader import PENALTY
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import OnProgress, Sample, read_labels
from langseg.segmenter.features.kept import KeptFeatures, features_of
from langseg.segmenter.features.patch_labels import patch_labels
from langseg.segmenter.features.views import PLAIN, view_labels
from langseg.segmenter.heads.ridge import RidgeSums, patches

LEAST_PIXELS = 1.0  # of a region, in patches: what is smaller is a mixture of its neighbours
BALANCE = 0.5  # a class weighs (its regions)^-BALANCE


@dataclass(frozen=True, eq=False)
class LabelledPatches:
    """One picture: ``x`` [N, F+1], what a ridge reads of each patch; ``counts`` int64 [N, C], the
    pixels of each class in it."""

    x: Tensor
    counts: Tensor


@dataclass(frozen=True, eq=False)
class RegionMeans:
    """``x`` [R, F+1]: mean features of a region, and a 1; ``classes``, ``pictures``, ``pixels``
    int64 [R]: its class, its picture's index, its size."""

    x: Tensor
    classes: Tensor
    pictures: Tensor
    pixels: Tensor

    def shares(self, rows: Tensor, classes: int, penalty: float = PENALTY) -> Tensor:
        """Weights [F+1, C] of a ridge regression from the features of ``rows`` (bool [R]) to their
        classes, one-hot: they give a patch's share of each class; 0 for a class without a row."""
        x, of = self.x[rows], self.classes[rows]
        counts = torch.bincount(of, minlength=classes).clamp_min(1)
        weights = counts[of].float() ** -BALANCE
        sums = RidgeSums.empty(x.shape[1], classes)
        sums.add(x, F.one_hot(of, classes) * (weights / weights.mean())[:, None])
        return sums.solve(penalty).float()


def joined_regions(parts: Sequence[tuple[RegionMeans, int, int]]) -> RegionMeans:
    """Of several datasets, each with how many classes and pictures it has, which are numbered
    behind those of the ones before it."""
    first, picture, found = 0, 0, []
    for part, classes, pictures in parts:
        found.append((part.x, part.classes + first, part.pictures + picture, part.pixels))
        first, picture = first + classes, picture + pictures
    return RegionMeans(*(torch.cat(of) for of in zip(*found, strict=True)))


def region_means(
    kept: KeptFeatures, samples: Sequence[Sample], rule: LabelRule, on_progress: OnProgress
) -> RegionMeans:
    """Of every picture at its plain view. In memory: 4 (F + 1) bytes a region.

    Raises: InputError, for files that cannot be used.
    """
    parts = []
    for index in range(len(samples)):
        one = labelled_patches(kept, samples, rule, index)
        pixels = one.counts.sum(dim=0)
        held = (pixels >= LEAST_PIXELS * kept.patch**2).nonzero()[:, 0]
        means = (one.counts[:, held].float().mT @ one.x) / pixels[held, None]
        parts.append((means, held, torch.full_like(held, index), pixels[held]))
        on_progress("regions", index + 1, len(samples))
    x, classes, pictures, sizes = (torch.cat(of) for of in zip(*parts, strict=True))
    return RegionMeans(x, classes, pictures, sizes)


def labelled_patches(
    kept: KeptFeatures, samples: Sequence[Sample], rule: LabelRule, index: int
) -> LabelledPatches:
    """Of sample ``index``, at its plain view. Raises: InputError."""
    features = features_of([kept.maps(index, PLAIN)], kept.patch)
    labels = view_labels(read_labels(samples[index], rule), kept.view(index, PLAIN))
    return LabelledPatches(patches(features)[0], patch_labels(labels, kept.patch, rule.num_classes))
