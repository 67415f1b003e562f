"""Show how far a run of `generate` is, what it has spent and when it will end.

In:  the events and the faults of a run.
Out: the line that ``progress`` shows, with a note of its answers, its pace and its spend.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langseg.pipelines.shared.console import plain
from langseg.pipelines.shared.progress import Advance, progress

if TYPE_CHECKING:
    from langseg.descriptors.generation.report import GenerateReport

_RECENT_S = 30.0  # what a rate is taken over, and how long a fault is news
_FRESH_S = 5.0  # how long a fault comes first in a line that may be cut
_FAULT_CHARS = 100


class GenerateProgress:
    """The listener of a run; ``generate_progress`` makes it.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, advance: Advance, clock: Callable[[], float]) -> None:
        self._advance, self._clock = advance, clock
        self.report: GenerateReport | None = None  # the latest
        self._fault, self._fault_at = "", 0.0
        self._waits = ""
        self._answers: deque[tuple[float, int]] = deque()  # when, how many by then: a second apart

    def on_event(self, kind: str, report: "GenerateReport") -> None:
        """Listen to ``generate``."""
        now = self._clock()
        if kind == "planned" or self.report is None:
            self._answers.clear()
        self.report = report
        self._count(now, report.asked)
        self._show(now)

    def on_fault(self, reason: str) -> None:
        """Why the latest attempt failed, in whatever words the server has."""
        self._fault, self._fault_at = plain(reason)[:_FAULT_CHARS], self._clock()
        self._show(self._fault_at)

    def on_wait(self, what: str) -> None:
        """What a run stands still for."""
        self._waits = plain(what)
        self._show(self._clock())

    def _count(self, now: float, asked: int) -> None:
        """Note the answers so far; the oldest note kept is the last that is not recent."""
        notes = self._answers
        if not notes or now - notes[-1][0] >= 1:
            notes.append((now, asked))
        while len(notes) > 1 and now - notes[1][0] >= _RECENT_S:
            notes.popleft()

    def _rate(self, now: float) -> float:
        """Answers a second of late; 0 until there is something to go by."""
        if self.report is None or not self._answers:
            return 0.0
        then, asked = self._answers[0]
        return (self.report.asked - asked) / (now - then) if now - then >= 1 else 0.0

    def _show(self, now: float) -> None:
        report = self.report
        if report is None:
            return
        is_news = now - self._fault_at < _RECENT_S and self._fault not in self._waits
        news = self._fault if is_news else ""
        parts = [_counts(report), _speed(self._rate(now)), _spent(report)]
        if self._waits:  # which says what the fault was, too
            parts.insert(0, self._waits)
        else:
            parts.insert(0 if now - self._fault_at < _FRESH_S else len(parts), news)
        done = report.planned - report.still_open
        self._advance(done, report.planned, ", ".join(filter(None, parts)))


@contextmanager
def generate_progress(
    resume: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[GenerateProgress]:
    """Show a run of `generate`; after Ctrl-C it says how far it was, and ``resume``."""
    with progress("generate", resume) as advance:
        yield GenerateProgress(advance, clock)


def _counts(report: "GenerateReport") -> str:
    """``40 cached, 2 failed``, and the answers without usable phrases, where there are some."""
    failed = report.statuses.get("failed", 0)
    unusable = sum(report.statuses.values()) - failed - report.statuses.get("ok", 0)
    more = f", {unusable} unusable" if unusable else ""
    return f"{report.cached} cached, {failed} failed{more}"


def _speed(rate: float) -> str:
    if not rate:
        return ""
    return f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"


def _spent(report: "GenerateReport") -> str:
    """What the answers cost; and the most that all attempts can have cost, where that is more."""
    known = None if report.cost_usd is None else _dollars(report.cost_usd)
    most = None if report.most_cost_usd is None else _dollars(report.most_cost_usd)
    if known is None:
        return "spend unknown" if most is None else f"at most {most} spent"
    return f"{known} spent" + (f" (at most {most})" if most not in (None, known) else "")


def _dollars(amount: float) -> str:
    return f"${amount:.4f}" if 0 < amount < 1 else f"${amount:.2f}"
