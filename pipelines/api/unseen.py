"""Let the commands' functions work for a program, which has a terminal of its own.

In:  nothing.
Out: progress that nobody looks at, and silence on stderr, for as long as it takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from langseg.pipelines.shared.console import quiet
from langseg.pipelines.shared.progress import Advance


@contextmanager
def unseen() -> Iterator[Advance]:
    """Give an ``Advance`` that shows nothing."""

    def advance(done: int, total: int, note: str = "", phase: str = "", mark: bool = False) -> None:
        """Nobody looks."""

    with quiet():
        yield advance
