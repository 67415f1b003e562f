"""Let a person or a scheduler stop a run where it loses nothing.

In:  Ctrl-C (SIGINT), and SIGTERM, which schedulers send before they kill.
Out: ``Stopped``, at the next moment at which the run heeds it: between two steps, or two pictures.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from langseg.cache.ctrl_c import PATIENCE_S
from langseg.segmenter.data.sample import OnProgress


class Stopped(KeyboardInterrupt):
    """A stop that was asked for, at a moment when all is in order."""


class StopSign:
    """Handles both signals; asked again after PATIENCE_S it interrupts whatever is done."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note that a stop is asked for."""
        now = time.monotonic()
        if self._asked_at is not None and now - self._asked_at >= PATIENCE_S:
            raise KeyboardInterrupt
        self._asked_at = now

    def heed(self) -> None:
        """Raises: Stopped, if a stop was asked for."""
        if self._asked_at is not None:
            raise Stopped

    def heeding(self, on_progress: OnProgress) -> OnProgress:
        """Also heeds a stop whenever something is told."""

        def told(phase: str, done: int, total: int) -> None:
            self.heed()
            on_progress(phase, done, total)

        return told


@contextmanager
def stop_sign() -> Iterator[StopSign]:
    """Handle both signals inside the block, where this is the thread that gets them; one that is
    ignored (Ctrl-C, of a job in the background) stays so."""
    sign = StopSign()
    if threading.current_thread() is not threading.main_thread():
        yield sign
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = {n: old for n, old in before.items() if old not in (None, signal.SIG_IGN)}
    for number in heeded:
        signal.signal(number, sign)
    try:
        yield sign
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)
