"""Read scores off tallies: what a protocol counts, as parts of wholes.

In:  the Tally of an arm, splits, how many pictures and classes.
Out: Counted arrays for the bootstrap; seen and unseen scores of a protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from langseg.segmenter.comparison.bootstrap import Counted
from langseg.segmenter.comparison.counting import Protocol
from langseg.segmenter.comparison.fitted import Tally
from langseg.segmenter.comparison.splits import Split

Side = Literal["unseen", "seen"]


@dataclass(frozen=True)
class Size:
    """Of a comparison: pictures, and the dataset's classes."""

    pictures: int
    classes: int


def accuracies(tally: Tally, splits: Sequence[Split], size: Size) -> Counted:
    """Pixels of unseen classes that are right among the unseen, of all that there are."""
    return _counted(tally, "among", splits, size, "unseen", union=False)


def ious(
    tally: Tally, protocol: Protocol, splits: Sequence[Split], size: Size, side: Side
) -> Counted:
    """Intersections of unions, of the classes of one side, all classes competing."""
    return _counted(tally, protocol, splits, size, side, union=True)


def _counted(
    tally: Tally, protocol: Protocol, splits: Sequence[Split], size: Size, side: Side, union: bool
) -> Counted:
    shape = (len(splits), size.pictures, size.classes)
    part, true, said = (np.zeros(shape) for _ in range(3))
    for (split, picture, of), cells in tally.cells.items():
        if of != protocol:
            continue
        right = cells.true == cells.predicted
        np.add.at(part[split, picture], cells.true[right], cells.pixels[right])
        np.add.at(true[split, picture], cells.true, cells.pixels)
        real = cells.predicted < size.classes  # others are things that are nowhere
        np.add.at(said[split, picture], cells.predicted[real], cells.pixels[real])
    unseen = np.zeros((len(splits), size.classes), np.bool_)
    for number, one in enumerate(splits):
        unseen[number, list(one.unseen)] = True
    asked = (unseen if side == "unseen" else ~unseen) & (true.sum(axis=1) > 0)
    return Counted(part, true + said - part if union else true, asked)
