"""Scores by what is in the pictures: size and frequency of what is labelled, how many classes,
how many objects that overlap.

In:  confusion matrices, one a picture; of sizes and overlaps, the label maps while they are scored.
Out: strata, each with its pictures, its pixels, its classes and its score.

Every mIoU here is over the classes that the stratum's labels hold, whatever else is predicted.
What a region is, and which regions are objects, ``data.regions`` says.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.regions import Region, background_and_objects, region_areas
from langseg.segmenter.evaluation.evaluate import Scored
from langseg.segmenter.evaluation.pictures import PictureCounts, summed
from langseg.segmenter.evaluation.tallies import labelled_miou, tally, tally_of

SIZES = {  # up to which share of the picture; COCO's areas are of pictures of 640 x 480
    "small: up to 0.33 % of the picture (COCO's 32 x 32)": 32**2 / (640 * 480),
    "medium: up to 3 % (96 x 96)": 96**2 / (640 * 480),
    "large": 1.0,
}
_FREQUENCIES = ("rare", "common", "frequent")
_CLASSES = (1, 2, 4, 8, 16, 32)  # up to so many classes in a picture, and more
_OVERLAPS = (0, 1, 3, 7, 15, 31)  # up to so many pairs of objects, and more


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Part of what is labelled: in how many pictures, pixels and classes it is, and its ``score``,
    0..1, the mean of what ``measure`` says over these classes."""

    by: str
    name: str
    pictures: int
    pixels: int
    classes: int
    measure: str
    score: float


def by_number_of_classes(pictures: Sequence[PictureCounts], num_classes: int) -> list[Stratum]:
    """Pictures by the number of classes that their labels hold."""
    groups: list[list[PictureCounts]] = [[] for _ in range(len(_CLASSES) + 1)]
    for picture in pictures:
        if picture.ious:
            groups[bisect_left(_CLASSES, len(picture.ious))].append(picture)
    return [
        _of_pictures(
            "classes in the picture", name, len(group), tally_of(summed(group, num_classes))
        )
        for name, group in zip(_spans(_CLASSES), groups, strict=True)
        if group
    ]


def by_frequency(pictures: Sequence[PictureCounts], num_classes: int) -> list[Stratum]:
    """The classes that are labelled, in thirds by their share of the labelled pixels; of fewer
    than three classes, none. Equal shares stay in the order of the classes."""
    tallied = tally_of(summed(pictures, num_classes))
    true = tallied[1]
    order = [index for index in torch.argsort(true, stable=True).tolist() if true[index]]
    if len(order) < len(_FREQUENCIES):
        return []
    strata = []
    for name, some in zip(_FREQUENCIES, np.array_split(order, len(_FREQUENCIES)), strict=True):
        third = some.tolist()
        shares = (true[third] / true.sum()).tolist()
        words = f"{name}: {_percent(shares[0])} to {_percent(shares[-1])} of the pixels each"
        holding = sum(not picture.ious.keys().isdisjoint(third) for picture in pictures)
        strata.append(_of_pictures("frequency of the class", words, holding, tallied[:, third]))
    return strata


class BySize:
    """A ``Measure`` of regions by their share of the picture, in COCO's three sizes.

    A pixel that is wrongly given to a class belongs to no region of it, so a size has no IoU: the
    score is the share of the regions' pixels that are found, class by class, and the mean of that.
    ``counts`` int64 [3, 2, C + 1]: pixels found and true of each class; in the last column 0 and
    the pictures.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(len(SIZES), 2, num_classes + 1, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Count one picture."""
        labels = scored.labels
        shares = region_areas(labels) / labels.size
        place = np.searchsorted(list(SIZES.values()), shares)
        for counts, size in zip(self.counts, range(len(SIZES)), strict=True):
            of_size = np.where(place == size, labels, IGNORE)
            counts[:, :-1] += tally(scored.mask, of_size, counts.shape[1] - 1)[:2]
            counts[1, -1] += bool((of_size != IGNORE).any())

    def strata(self) -> list[Stratum]:
        """Of all pictures: the sizes that are there."""
        strata = []
        for name, counts in zip(SIZES, self.counts, strict=True):
            found, true = counts[:, :-1][:, counts[1, :-1] > 0].double()
            if len(true):
                strata.append(
                    Stratum(
                        by="size of the region",
                        name=name,
                        pictures=int(counts[1, -1]),
                        pixels=int(true.sum()),
                        classes=len(true),
                        measure="mean recall",
                        score=float((found / true).mean()),
                    )
                )
        return strata


class ByOverlap:
    """A ``Measure`` of pictures by how many pairs of their objects overlap.

    A label map holds no instances, and of what is hidden nothing: here two objects of different
    classes overlap where their bounding boxes do. ``counts`` int64 [spans, 3, C + 1]: the tally of
    each class; in the last column 0, the pictures, and 0.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(len(_OVERLAPS) + 1, 3, num_classes + 1, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Count one picture."""
        if not (scored.labels != IGNORE).any():
            return
        _, objects = background_and_objects(scored.labels)
        counts = self.counts[bisect_left(_OVERLAPS, _overlaps(objects))]
        counts[:, :-1] += tally(scored.mask, scored.labels, counts.shape[1] - 1)
        counts[1, -1] += 1

    def strata(self) -> list[Stratum]:
        """Of all pictures: the numbers of pairs that are there."""
        return [
            _of_pictures(
                "overlapping objects",
                f"{name} {'pair' if name == '1' else 'pairs'}",
                int(counts[1, -1]),
                counts[:, :-1],
            )
            for name, counts in zip(_spans(_OVERLAPS), self.counts, strict=True)
            if counts[1, -1]
        ]


def _overlaps(objects: Sequence[Region]) -> int:
    """Pairs of objects of different classes whose bounding boxes share a pixel."""
    if not objects:
        return 0
    label = np.array([one.label for one in objects])
    edges = np.array([[(side.start, side.stop) for side in one.box] for one in objects])
    starts, stops = edges[..., 0], edges[..., 1]
    shared = (starts[:, None] < stops) & (starts < stops[:, None])  # [n, n, 2], rows and columns
    pairs = shared.all(axis=2) & (label[:, None] != label)
    return int(pairs.sum()) // 2


def _of_pictures(by: str, name: str, pictures: int, tallied: Tensor) -> Stratum:
    return Stratum(
        by=by,
        name=name,
        pictures=pictures,
        pixels=int(tallied[1].sum()),
        classes=int((tallied[1] > 0).sum()),
        measure="mIoU",
        score=labelled_miou(tallied),
    )


def _spans(upto: Sequence[int]) -> list[str]:
    """Names of spans of whole numbers: ``0``, ``1``, ``2 to 3``, ..., and what is above."""
    starts = [upto[0], *(last + 1 for last in upto)]
    inner = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, upto, strict=False)]
    return [*inner, f"{upto[-1] + 1} and more"]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
