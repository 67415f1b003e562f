"""Draw which classes a split hides from training.

In:  the classes that can be hidden, how many at a time, how many splits, a seed.
Out: Splits, in which each class is hidden about as often as any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from langseg.cache.errors import UsageError


@dataclass(frozen=True)
class Split:
    """``unseen``: indices of the classes that training must not touch, rising."""

    unseen: tuple[int, ...]


def draw_splits(classes: Sequence[int], unseen: int, count: int, seed: int) -> tuple[Split, ...]:
    """``count`` splits that each hide ``unseen`` of ``classes``.

    The classes are dealt from a shuffled deck, which is shuffled anew when it is used up; so two
    classes are hidden equally often, or one of them once more. No two splits are alike where the
    classes allow it.

    Raises: UsageError, where not two classes can be hidden, or none be left.
    """
    if not 2 <= unseen < len(classes):
        raise UsageError(
            f"unseen classes: wanted 2 to {len(classes) - 1} of the {len(classes)} that both "
            f"training and validation pictures hold, got {unseen}"
        )
    rng = np.random.default_rng(seed)
    deck: list[int] = []
    splits: list[Split] = []
    for _ in range(50 * count):  # a bound: few classes have few different splits
        if len(splits) == count:
            break
        drawn: list[int] = []
        while len(drawn) < unseen:
            if not deck:
                deck = [int(one) for one in rng.permutation(sorted(classes))]
            place = next((n for n, one in enumerate(deck) if one not in drawn), None)
            if place is None:
                deck = []
            else:
                drawn.append(deck.pop(place))
        split = Split(tuple(sorted(drawn)))
        if split not in splits:
            splits.append(split)
    if len(splits) < count:
        raise UsageError(
            f"splits: wanted {count} that differ, got {len(splits)} from {len(classes)} classes of "
            f"which {unseen} are hidden; give fewer --splits"
        )
    return tuple(splits)
