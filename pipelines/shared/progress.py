"""Show how far a command's work is.

In:  counts of what is done and of all there is.
Out: a bar on stderr, on a terminal only.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from langseg.pipelines.shared.console import plain

RESUME = "what was finished is kept, run the same command again to go on"


class Advance(Protocol):
    """Tells a progress line how far the work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@contextmanager
def progress(what: str, resume: str = RESUME) -> Iterator[Advance]:
    """A progress bar on stderr, only on a terminal; elsewhere nothing is drawn.

    ``resume`` says, after Ctrl-C, what is left of the work and how to go on.
    """
    far = ""
    with _bar(what) as draw:

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal far
            far = f" at {done} of {total}"
            draw(done, total, note)

        try:
            yield advance
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{what} stopped{far}; {resume}") from None


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int, str], None]]:
    if not sys.stderr.isatty():
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # a note never squeezes the bar out
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=16),
        MofNCompleteColumn(), Remaining(),
        TextColumn("{task.fields[note]}", markup=False, table_column=rest),
    )  # fmt: skip
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(plain(what), total=None, note="")
        yield lambda done, total, note: bar.update(
            task, completed=done, total=total, note=plain(note)
        )
