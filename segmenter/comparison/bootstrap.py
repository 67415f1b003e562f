"""How sure a difference between two arms is: a paired bootstrap over everything that was drawn.

In:  pixels right and asked of each split, picture and class, of two arms.
Out: the difference of their class-averaged scores, an interval, a p-value, and the smallest
     difference that the run could have seen.

Classes, pictures and the seeds of an arm are resampled, crossed, by the same draws for both arms.
Classes stand for the splits, which hide the same ones again and again: between lists of words that
were dealt to MSRC's classes by chance, differences spread by 4.1 points (standard deviation), where
intervals from splits and pictures reach 6.1, those from classes and pictures 10.7, and from all
three 13.0 (docs/proof.md): the first see luck as law, the last see little. Intervals are
Student's, on as many degrees of freedom as the fewest clusters leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 1000
LEVEL = 0.95
POWER = 0.8
_CHUNK = 100  # resamples at a time
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counted:
    """``part`` of ``whole``, float [S, P, C] pixels, and the cells ``asked``, bool [S, C]: the
    score of a split's class is part / whole, summed over pictures."""

    part: Floats
    whole: Floats
    asked: NDArray[np.bool_]

    @property
    def score(self) -> float:
        """Mean over the cells that are asked and held, in points of 100."""
        part, whole = self.part.sum(axis=1), self.whole.sum(axis=1)
        held = self.asked & (whole > 0)
        return 100 * float((part[held] / whole[held]).mean()) if held.any() else float("nan")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """In points of 100; ``other``: the score of the arm that ``real`` is compared with.

    ``smallest``: what a run of this size finds in four cases of five, at 95 %. ``clusters``: the
    fewer of classes that were hidden and pictures that hold one. ``p``: two-sided, of this
    comparison alone.
    """

    real: float
    other: float
    difference: float
    low: float
    high: float
    p: float
    smallest: float
    clusters: int


class Bootstrap:
    """Draws that every comparison of a run shares."""

    def __init__(self, pictures: int, classes: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._pictures, self._classes = self._weights(pictures), self._weights(classes)

    def scores(self, arm: Sequence[Counted]) -> Floats:
        """[1 + RESAMPLES], 0..100: of the whole, then of each resample; an arm of several draws
        has one Counted a draw, and these are resampled, too."""
        draws = np.stack([self._of_draw(one) for one in arm])
        weights = self._weights(len(arm)).T if len(arm) > 1 else np.ones((1, 1 + RESAMPLES))
        mean: Floats = 100 * (draws * weights).sum(axis=0) / weights.sum(axis=0)
        return mean

    def difference(self, real: Sequence[Counted], other: Sequence[Counted]) -> Difference:
        """Raises: nothing; all is nan where nothing was asked."""
        ours, theirs = self.scores(real), self.scores(other)
        between = ours - theirs
        asked = real[0].asked & (real[0].whole.sum(axis=1) > 0)
        held = int((real[0].whole.sum(axis=(0, 2)) > 0).sum())
        clusters = min(int(asked.any(axis=0).sum()), held)
        freedom = max(1, clusters - 1)
        error = float(np.nanstd(between[1:]))
        reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
        found = float(between[0])
        p = 2 * float(stats.t.sf(abs(found) / error, freedom)) if error else float(found == 0)
        return Difference(
            real=float(ours[0]), other=float(theirs[0]), difference=found,
            low=found - reach * error, high=found + reach * error, p=p,
            smallest=(reach + float(stats.t.ppf(POWER, freedom))) * error, clusters=clusters,
        )  # fmt: skip

    def _weights(self, count: int) -> Floats:
        """[1 + RESAMPLES, count]: how often each is drawn; once each in the first row."""
        drawn = self._rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        return np.concatenate([np.ones((1, count)), drawn])

    def _of_draw(self, counted: Counted) -> Floats:
        splits, _, classes = counted.part.shape
        found = []
        for first in range(0, 1 + RESAMPLES, _CHUNK):
            some = slice(first, first + _CHUNK)
            part, whole = (
                (self._pictures[some] @ of.transpose(1, 0, 2).reshape(of.shape[1], -1)).reshape(
                    -1, splits, classes
                )
                for of in (counted.part, counted.whole)
            )
            held = counted.asked & (whole > 0)
            weights = self._classes[some, None, :] * held
            share = np.divide(part, whole, out=np.zeros_like(part), where=held)
            with np.errstate(invalid="ignore"):
                found.append((share * weights).sum(axis=(1, 2)) / weights.sum(axis=(1, 2)))
        return np.concatenate(found)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: all claims of a run at once."""
    order = np.argsort(p)
    adjusted, least = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = least
    return adjusted
