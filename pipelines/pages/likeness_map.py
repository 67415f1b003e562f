"""Draw which classes are alike, as one picture that needs no script.

In:  cosines of every class with every other.
Out: an order in which like classes stand together, and SVG paths, one for each shade.

A path holds the cells of its shade as runs along rows, so that 150 x 150 cells take some 100 kB
where a rectangle for each would take 1.5 MB. Beyond ``MOST`` neighbours share a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 300
SHADES = 8
_FROM, _TO = 0.1, 0.8  # cosines of the palest and the darkest shade
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LikenessMap:
    """``labels`` name the rows; ``paths`` [SHADES] are in units of cells, palest first."""

    labels: tuple[str, ...]
    paths: tuple[str, ...]


def draw_map(names: Sequence[str], likeness: Floats) -> LikenessMap:
    """Args: likeness: [C, C], symmetric."""
    order = like_together(likeness)
    grid, labels = likeness[np.ix_(order, order)], [names[i] for i in order]
    if len(order) > MOST:
        starts = np.unique(np.linspace(0, len(order), MOST, endpoint=False).astype(int))
        sizes = np.diff([*starts, len(order)])
        grid = np.add.reduceat(np.add.reduceat(grid, starts, axis=0), starts, axis=1)
        grid = grid / np.outer(sizes, sizes)
        labels = [f"{labels[i]} ..." for i in starts]
    steps = np.floor((grid - _FROM) / (_TO - _FROM) * SHADES)
    shades = np.clip(np.nan_to_num(steps, nan=-1), -1, SHADES - 1).astype(int)
    return LikenessMap(tuple(labels), tuple(_path(shades == shade) for shade in range(SHADES)))


def shade_from(shade: int) -> float:
    """The cosine that a shade begins at."""
    return _FROM + shade * (_TO - _FROM) / SHADES


def like_together(likeness: Floats) -> list[int]:
    """Join the two likest groups (by the mean of their cosines) until one is left.

    Where two groups meet, the likest of their ends are put side by side.
    """
    count = len(likeness)
    groups = {row: [row] for row in range(count)}
    between = likeness.astype(np.float64)
    np.fill_diagonal(between, -np.inf)
    for _ in range(count - 1):
        one, other = divmod(int(between.argmax()), count)
        a, b = len(groups[one]), len(groups[other])
        groups[one] = _joined(groups[one], groups.pop(other), likeness)
        merged = (between[one] * a + between[other] * b) / (a + b)
        between[one], between[:, one] = merged, merged
        between[other], between[:, other] = -np.inf, -np.inf
        between[one, one] = -np.inf
    return next(iter(groups.values()), [])


def _joined(one: list[int], other: list[int], likeness: Floats) -> list[int]:
    ways = [(a, b) for a in (one, one[::-1]) for b in (other, other[::-1])]
    first, second = max(ways, key=lambda way: float(likeness[way[0][-1], way[1][0]]))
    return first + second


def _path(cells: NDArray[np.bool_]) -> str:
    """``M x y h n``: lines one unit thick through the middle of the cells."""
    parts = []
    for y, row in enumerate(cells):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        parts += [f"M{x} {y}.5h{end - x}" for x, end in edges.reshape(-1, 2).tolist()]
    return "".join(parts)
