"""Draw at random in a way that a seed fixes for good.

In:  values, and a salt that says what is drawn.
Out: the same order on every machine and under every Python, as sha256 makes it and no generator.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from langseg.cache.keys import canonical_json, sha256_hex

_GOLDEN = (5**0.5 - 1) / 2
Item = TypeVar("Item")


def number(*salt: object) -> int:
    """Below 2**64."""
    return int(sha256_hex(canonical_json(salt))[:16], 16)


def shuffled(items: Iterable[Item], *salt: object) -> list[Item]:
    """All items in a drawn order."""
    drawn = [(number(*salt, place), place, item) for place, item in enumerate(items)]
    return [item for _, _, item in sorted(drawn, key=lambda one: one[:2])]


def repeated(items: Sequence[Item]) -> Iterator[Item]:
    """The items over and over; nothing where there are none."""
    while items:
        yield from items


def spread(ordered: Sequence[Item], *salt: object) -> Iterator[Item]:
    """Values of a sorted list without end, every beginning of them spread as the list itself is.

    Steps of the golden ratio leave no gap that others fill twice; a plain draw would.
    """
    place = number(*salt) / 2**64
    while ordered:
        yield ordered[min(int(place * len(ordered)), len(ordered) - 1)]
        place = (place + _GOLDEN) % 1.0
