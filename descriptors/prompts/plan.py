"""A plan: the requests of a run, made as they are read, so that a million take no memory.

In:  a function that makes requests, always the same ones.
Out: a ``Plan``, which has a length and can be read again and again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from langseg.cache.records import Request

REPLY_LIMIT = "max_completion_tokens"  # the sampling parameter that bounds a reply


@dataclass(frozen=True)
class Plan:
    """Requests that are made anew, and are the same, each time they are read."""

    make: Callable[[], Iterator[Request]]
    length: int

    def __iter__(self) -> Iterator[Request]:
        return self.make()

    def __len__(self) -> int:
        return self.length

    def __add__(self, other: "Plan") -> "Plan":
        def both() -> Iterator[Request]:
            yield from self
            yield from other

        return Plan(both, self.length + other.length)


def plan_of(requests: Callable[[], Iterator[Request]]) -> Plan:
    """A plan of few requests, which are counted by making them once."""
    return Plan(requests, sum(1 for _ in requests()))
