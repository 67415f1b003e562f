"""Lay out which classes are taken for which, as a map that is read and a list of the worst.

In:  a confusion matrix [C, C + 1], rows true, columns predicted, the last for no class.
Out: cells of the map, each a share of its row; the largest confusions, in words.

Up to ``MOST`` classes have a row each. Of more those are shown that are confused most, in pixels;
all others are one row and one column, so that a row still sums to 1. Classes that are taken for
each other stand together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.pipelines.pages.likeness_map import like_together

MOST = 40
LEAST = 0.005  # of a row; smaller shares have no cell
NOTHING, OTHERS = "no class", "all others"
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """``share`` of the true class of row ``y`` that is predicted as the class of column ``x``."""

    y: int
    x: int
    share: float
    is_right: bool


@dataclass(frozen=True)
class ConfusionMap:
    """``hidden``: how many classes are among the others."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    hidden: int


@dataclass(frozen=True)
class Confusion:
    """Pixels of the class ``true`` that are called ``predicted``: their share of that class's
    pixels, of all that are wrong, and of all that are labelled."""

    true: str
    predicted: str
    of_class: float
    of_errors: float
    of_all: float


def draw_confusions(counts: Counts, names: Sequence[str]) -> ConfusionMap:
    """The map of the classes that are labelled or predicted."""
    wrong = _wrong(counts)
    occurring = np.flatnonzero(counts.sum(axis=1) + counts[:, :-1].sum(axis=0)).tolist()
    weights = wrong[:, :-1].sum(axis=0) + wrong.sum(axis=1)
    shown = sorted(sorted(occurring, key=lambda index: -weights[index])[:MOST])
    others = [index for index in occurring if index not in set(shown)]
    table = counts[np.ix_(shown, shown)]
    labels = [names[index] for index in shown]
    between = _shares(table) + _shares(table).T
    order = like_together(between.astype(np.float32))
    table, labels = table[np.ix_(order, order)], [labels[index] for index in order]
    shown = [shown[index] for index in order]
    columns, beside = list(labels), []
    if others:
        beside.append(counts[np.ix_(shown, others)].sum(axis=1))
        columns.append(OTHERS)
    if counts[:, -1].any():
        beside.append(counts[shown, -1])
        columns.append(NOTHING)
    shares = _shares(np.column_stack([table, *beside]))
    cells = tuple(
        Cell(int(y), int(x), float(shares[y, x]), bool(y == x))
        for y, x in np.argwhere(shares >= LEAST)
    )
    return ConfusionMap(tuple(labels), tuple(columns), cells, len(others))


def largest_confusions(counts: Counts, names: Sequence[str], most: int) -> list[Confusion]:
    """The pairs of true and predicted class with the most pixels, largest first."""
    wrong, true = _wrong(counts), counts.sum(axis=1)
    called = [*names, NOTHING]
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    return [
        Confusion(
            names[y],
            called[x],
            float(wrong[y, x] / true[y]),
            float(wrong[y, x] / wrong.sum()),
            float(wrong[y, x] / true.sum()),
        )
        for y, x in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[y, x]
    ]


def _wrong(counts: Counts) -> Counts:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    return wrong


def _shares(table: Counts) -> NDArray[np.float64]:
    """Of each row; of an empty one 0."""
    shares: NDArray[np.float64] = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return shares
