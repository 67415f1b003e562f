"""Show how far a run of `generate` is, what it has spent and when it will end.

In:  the events and the faults of a run.
Out: one live line on a terminal; elsewhere a plain line now and then; all of it on stderr.

A run that takes less than five seconds writes no plain line: what it did is said at its end.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langseg.pipelines.shared.console import plain, say
from langseg.pipelines.shared.progress import Advance, progress

if TYPE_CHECKING:
    from langseg.descriptors.generation.report import GenerateReport

_RECENT_S = 30.0  # what a rate is taken over, and how long a fault is news
_LEAST_S, _MOST_S = 5.0, 15.0  # between two plain lines; the least also before the first
_STEP = 0.1  # of the plan: more than this is worth a line before ``_MOST_S``
_FRESH_S = 5.0  # how long a fault comes first in a line that may be cut
_FAULT_CHARS = 100


class GenerateProgress:
    """The listener of a run; ``generate_progress`` makes it.

    Args:
        live: whether ``advance`` draws; otherwise lines are said.
        clock: seconds that only grow.
    """

    def __init__(self, advance: Advance, live: bool, clock: Callable[[], float]) -> None:
        self._advance, self._live, self._clock = advance, live, clock
        self.report: GenerateReport | None = None  # the latest
        self._started = self._line_at = clock()
        self._line_done = 0
        self._fault, self._fault_at = "", 0.0
        self._waits = ""
        self._answers: deque[tuple[float, int]] = deque()  # when, how many by then: a second apart

    def on_event(self, kind: str, report: "GenerateReport") -> None:
        """Listen to ``generate``."""
        now = self._clock()
        if kind == "planned" or self.report is None:
            self._started = self._line_at = now
            self._line_done = _done(report)
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
        done, rate = _done(report), self._rate(now)
        news = self._fault if now - self._fault_at < _RECENT_S else ""
        if self._live:  # it says itself how far the run is and how long it still takes
            speed = _speed(rate).replace(" requests", "")
            parts = [_counts(report), speed, _spent(report), self._waits]
            place = 0 if now - self._fault_at < _FRESH_S else len(parts)
            parts.insert(place, news)
            self._advance(done, report.planned, ", ".join(filter(None, parts)))
            return
        self._advance(done, report.planned)
        if self._is_due(now, done, report):
            parts = [_speed(rate), _spent(report), _left(report, rate), self._waits]
            pace = ", ".join(filter(None, parts))
            far = f"{done} of {report.planned} done ({_counts(report)})"
            say(f"generate: {far}, {pace}" + (f"; last fault: {news}" if news else ""))
            self._line_at, self._line_done = now, done

    def _is_due(self, now: float, done: int, report: "GenerateReport") -> bool:
        if now - self._line_at < _LEAST_S:
            return False
        is_first, is_late = self._line_at == self._started, now - self._line_at >= _MOST_S
        return is_first or is_late or done - self._line_done >= _STEP * report.planned


@contextmanager
def generate_progress(
    resume: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[GenerateProgress]:
    """Show a run of `generate`; after Ctrl-C it says how far it was, and ``resume``."""
    live = sys.stderr.isatty()  # asked of the terminal itself: a bar stands in for stderr
    with progress("generate", resume) as advance:
        yield GenerateProgress(advance, live, clock)


def _done(report: "GenerateReport") -> int:
    return report.planned - report.still_open


def _counts(report: "GenerateReport") -> str:
    """``40 cached, 2 failed``, and the answers without usable phrases, where there are some."""
    failed = report.statuses.get("failed", 0)
    unusable = sum(report.statuses.values()) - failed - report.statuses.get("ok", 0)
    more = f", {unusable} unusable" if unusable else ""
    return f"{report.cached} cached, {failed} failed{more}"


def _speed(rate: float) -> str:
    if not rate:
        return ""
    return f"{rate:.1f} requests/s" if rate >= 0.1 else f"{rate * 60:.1f} requests/min"


def _spent(report: "GenerateReport") -> str:
    """What the answers cost; and the most that all attempts can have cost, where that is more."""
    known = None if report.cost_usd is None else _dollars(report.cost_usd)
    most = None if report.most_cost_usd is None else _dollars(report.most_cost_usd)
    if known is None:
        return "spend unknown" if most is None else f"at most {most} spent"
    return f"{known} spent" + (f" (at most {most})" if most not in (None, known) else "")


def _dollars(amount: float) -> str:
    return f"${amount:.4f}" if 0 < amount < 1 else f"${amount:.2f}"


def _left(report: "GenerateReport", rate: float) -> str:
    """Until what this run still asks is asked, at the rate of late; failed ones are not again."""
    if not rate:
        return ""
    seconds = max(0, report.still_open - report.statuses.get("failed", 0)) / rate
    if seconds < 100:
        return f"{seconds:.0f} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min left"
