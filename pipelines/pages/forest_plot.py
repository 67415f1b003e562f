"""Lay intervals out so that a page can draw them as a forest plot.

In:  rows of scores and of differences with their intervals, in points.
Out: two axes in pixels, their ticks, and the lines that stand across all rows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from langseg.segmenter.comparison.bootstrap import Difference

LABELS, SCORES, DIFFERENCES, NUMBERS = 200, 220, 380, 240  # pixels of the four columns
GAP = 44  # pixels between them
ROW = 24  # pixels of a row
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Axis:
    """Values from the first tick to the last, from pixel ``left`` on."""

    left: float
    width: float
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """The pixel of a value; of one beyond the axis, its end."""
        low, high = self.ticks[0], self.ticks[-1]
        part = (min(max(value, low), high) - low) / (high - low)
        return round(self.left + self.width * part, 1)


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """``scores`` by what has them: "real" or "arm"; ``kind``: how the interval is coloured."""

    label: str
    scores: Mapping[str, float]
    difference: Difference | None
    kind: str
    note: str = ""
    is_control: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether there is an interval: where nothing was asked, it is nan."""
        one = self.difference
        return one is not None and all(map(math.isfinite, (one.difference, one.low, one.high)))


@dataclass(frozen=True, kw_only=True)
class Forest:
    """``chance`` None where scores have none; ``margins``: what stands beside 0."""

    rows: Sequence[ForestRow]
    scores: Axis
    differences: Axis
    chance: float | None
    margins: tuple[float, ...]


def draw_forest(rows: Sequence[ForestRow], *, margin: float, chance: float | None) -> Forest:
    """The plot of rows, in their order."""
    edges = [
        edge
        for row in rows if row.difference is not None and row.is_drawn
        for edge in (row.difference.low, row.difference.high)
    ]  # fmt: skip
    scores = [one for row in rows for one in row.scores.values() if math.isfinite(one)]
    return Forest(
        rows=rows,
        scores=_axis([0, chance or 0, *scores], LABELS, SCORES),
        differences=_axis([-margin, margin, *edges], LABELS + SCORES + GAP, DIFFERENCES),
        chance=chance,
        margins=(-margin, margin) if margin else (),
    )


def _axis(values: Iterable[float], left: float, width: float) -> Axis:
    """From a round number below all values to one above them, with 2 to 8 steps between."""
    values = list(values)
    low, high = min(values), max(values)
    span = max(high - low, 1e-9)
    magnitude = 10.0 ** math.floor(math.log10(span / 5))
    step = next(size * magnitude for size in _STEPS if span / (size * magnitude) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(number * step for number in range(first, max(last, first + 1) + 1))
    return Axis(left, width, ticks)
