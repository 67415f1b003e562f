"""The command line that every fuzz target has: seconds, a seed, what escaped."""

import argparse
import sys
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol


class Found(Protocol):
    """What a target found; ``escapes`` says how to see each again."""

    @property
    def escapes(self) -> Sequence[str]: ...

    @property
    def sentence(self) -> str: ...


def run(fuzz: Callable[[float, int], Found], about: str | None, seconds: float) -> None:
    """Run a target, for ``seconds`` unless it is told otherwise; exit code 1 for an escape."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--seed", type=int, default=None, help="the first; else another each time")
    args = parser.parse_args()
    first = Random().randrange(10**9) if args.seed is None else args.seed
    found = fuzz(args.seconds, first)
    for escape in found.escapes:
        print(f"escape: {escape}")
    print(f"{found.sentence}; the first seed was {first}")
    sys.exit(bool(found.escapes))
