"""Show how far a command's work is.

In:  counts of what is done and of all there is, phase by phase.
Out: a bar on stderr, on a terminal; elsewhere a plain line there every ten seconds, or where
     the work itself marks one.

A command that takes less than ten seconds writes no plain line: what it did is said at its end.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from langseg.pipelines.shared.console import plain, say, speaks

RESUME = "what was finished is kept, run the same command again to go on"
LINE_EVERY_S = 10.0  # also before the first plain line
_RECENT = 4  # lines back that a rate is taken over


class Advance(Protocol):
    """Tells how far the work is; a ``total`` of 0 is not known yet.

    ``phase`` names the part of the work that is counted ("reading features"), which has a count of
    its own. Within a phase ``done`` never falls: what comes late tells nothing new.
    """

    def __call__(
        self, done: int, total: int, note: str = "", phase: str = "", mark: bool = False
    ) -> None:
        """So many of ``total`` are done. ``mark``: worth a plain line; a phase that has such
        lines has no others."""


def by_phase(advance: Advance) -> Callable[[str, int, int], object]:
    """The same, told by (phase, done, total) as what reads pictures tells it."""
    return lambda phase, done, total: advance(done, total, phase=phase)


@dataclass(frozen=True)
class _State:
    """What was told last, and when its phase began."""

    done: int
    total: int
    note: str
    phase: str
    began: float

    @property
    def count(self) -> str:
        return f"{self.done}/{self.total}" if self.total else ""


class Position:
    """Where the work is, and the line that says so.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._state: _State | None = None
        self._lines: deque[_Reading] = deque(maxlen=_RECENT)

    def advance(self, done: int, total: int, note: str = "", phase: str = "") -> _State:
        """See ``Advance``."""
        last = self._state
        if last is None or last.phase != phase:
            began = self._clock()
            self._lines = deque([_Reading(began, done)], maxlen=_RECENT)
        else:
            began, done = last.began, max(done, last.done)
        self._state = _State(done, total, note, phase, began)
        return self._state

    @property
    def phase(self) -> str:
        """The part of the work that is counted."""
        return "" if self._state is None else self._state.phase

    def line(self) -> str:
        """``train: reading features 57/240, 3 min left``; nothing before anything is told."""
        state, lines = self._state, self._lines
        if state is None:
            return ""
        now = self._clock()
        far = " ".join(filter(None, (state.phase, state.count)))
        parts = [far, state.note]
        if state.total:
            parts.append(_left(state, now, lines[0]))
            lines.append(_Reading(now, state.done))
        else:
            parts.append(f"{now - state.began:.0f} s so far")
        return f"{self._what}: {', '.join(filter(None, parts))}"

    def stopped(self) -> str:
        """``train stopped at 57 of 240 (reading features)``."""
        state = self._state
        if state is None:
            return f"{self._what} stopped"
        at = f" at {state.done} of {state.total}" if state.total else ""
        return f"{self._what} stopped{at}" + (f" ({state.phase})" if state.phase else "")


@dataclass(frozen=True)
class _Reading:
    """How much of a phase was done at a moment."""

    at: float
    done: int


def _left(state: _State, now: float, since: _Reading) -> str:
    """Until the phase is done, at the rate of late."""
    if now <= since.at or state.done <= since.done or state.done >= state.total:
        return ""
    seconds = (state.total - state.done) * (now - since.at) / (state.done - since.done)
    if seconds < 100:
        return f"{seconds:.0f} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min left"


@contextmanager
def progress(what: str, resume: str = RESUME) -> Iterator[Advance]:
    """A progress bar on stderr, on a terminal; elsewhere a plain line every ten seconds.

    ``resume`` says, after Ctrl-C, what is left of the work and how to go on, where the work itself
    says nothing of it; what it notes (``add_note``) is told before.
    """
    position = Position(what)
    moves = speaks() and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    try:
        with _bar(what, position) if moves else _lines(position) as advance:
            yield advance
    except KeyboardInterrupt as exc:
        told = [position.stopped(), *getattr(exc, "__notes__", ())]
        raise KeyboardInterrupt("; ".join([*told, *(exc.args[:1] or [resume])])) from None


@contextmanager
def _lines(position: Position) -> Iterator[Advance]:
    """A thread of its own speaks, so that a step that takes minutes is no silence."""
    over = threading.Event()
    marked: set[str] = set()

    def speak() -> None:
        while not over.wait(LINE_EVERY_S):
            if position.phase not in marked and (line := position.line()):
                say(line)

    def advance(done: int, total: int, note: str = "", phase: str = "", mark: bool = False) -> None:
        position.advance(done, total, note, phase)
        if mark:
            marked.add(phase)
            say(position.line())

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield advance
    finally:
        over.set()
        speaker.join()


@contextmanager
def _bar(what: str, position: Position) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # a note never squeezes the bar out
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=16),
        TextColumn("{task.fields[count]}", markup=False), Remaining(),
        TextColumn("{task.fields[note]}", markup=False, table_column=rest),
    )  # fmt: skip
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task, of = bar.add_task(plain(what), total=None, count="", note=""), ""

        def advance(
            done: int, total: int, note: str = "", phase: str = "", mark: bool = False
        ) -> None:
            nonlocal task, of
            state = position.advance(done, total, note, phase)
            if phase != of:  # a new bar, whose rate is its own
                bar.remove_task(task)
                named = plain(f"{what}: {phase}" if phase else what)
                task, of = bar.add_task(named, total=None, count="", note=""), phase
            bar.update(
                task, completed=state.done, total=total or None, count=state.count,
                note=plain(note),
            )  # fmt: skip

        yield advance
