"""Decide how many requests may be under way, and how long a failed one rests.

In:  what happened to each attempt: an answer, or a ``Fault``.
Out: leave to make the next attempt, or word that the run has stopped.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from email.utils import parsedate_to_datetime

from langseg.cache.errors import LangSegError, UsageError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may ask of a server; times in seconds.

    ``timeout_s`` bounds one attempt, ``deadline_s`` a request with all its attempts and rests.
    ``max_wait_s`` caps a rest, also one that the server asks for. ``give_up_after`` requests
    that fail with no answer between them end the run: the server is down, or refuses the lot.
    """

    max_concurrency: int
    max_attempts: int = 8  # rests add up to about half a minute before a request is given up
    timeout_s: float = 120.0
    deadline_s: float = 600.0
    backoff_s: float = 0.5
    max_wait_s: float = 60.0
    give_up_after: int = 10

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise UsageError(f"{field.name}: wanted a number above 0, got {value}")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why an attempt brought no answer, and what that means for the next one.

    ``message`` is as it came: redact it before it is shown. ``overload``: the server asks for
    fewer requests; ``wait_s``: how long it asks us to wait; ``unreachable``: no connection was
    made, so the request is not to blame; ``remedy``: what the user must do before any request
    can succeed, so the run stops.
    """

    message: str
    retry: bool = True
    overload: bool = False
    unreachable: bool = False
    wait_s: float | None = None
    remedy: str = ""


class Gate:
    """Lets a number of attempts run at once, and finds the number the server bears.

    It starts at 1, so that a wrong key or address costs one request; doubles each round trip
    until the server first complains, then grows by one each round trip; a complaint halves it,
    once for all the attempts that were let in before the halving (as TCP does).
    """

    def __init__(self, max_concurrency: int) -> None:
        self._max = max_concurrency
        self._size = 1.0
        self._active = 0
        self._halvings = 0
        self._paused_until = 0.0
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self.error: LangSegError | None = None

    @property
    def size(self) -> int:
        """How many attempts may run at once now."""
        return int(self._size)

    async def enter(self) -> int | None:
        """Wait for a place. Returns: a ticket for ``overloaded``; None when the run stopped.

        Whoever entered calls ``leave`` once, whatever came of the attempt.
        """
        while self.error is None:
            pause_s = self._paused_until - time.monotonic()
            if pause_s <= 0 and self._active < self.size:
                self._active += 1
                return self._halvings
            self._changed.clear()
            await _wait(self._changed, pause_s if pause_s > 0 else None)
        return None

    def leave(self) -> None:
        """Give the place back."""
        self._active -= 1
        self._changed.set()

    def answered(self) -> None:
        """The server kept up: let a little more in."""
        growth = 1.0 if self._halvings == 0 else 1.0 / self._size
        self._size = min(self._size + growth, self._max)
        self._changed.set()

    def overloaded(self, ticket: int, pause_s: float) -> None:
        """The server complained: let half as many in, and nobody for ``pause_s`` seconds."""
        self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
        if ticket == self._halvings:
            self._halvings += 1
            self._size = max(self._size / 2, 1.0)

    def stop(self, error: LangSegError) -> None:
        """Let nobody in any more and wake all who wait; the first reason stands."""
        if self.error is None:
            self.error = error
        self._changed.set()
        self._stopped.set()

    async def rest(self, seconds: float) -> None:
        """Sleep, holding no place; return early when the run stops."""
        await _wait(self._stopped, seconds)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def rest_s(fault: Fault, attempt: int, limits: Limits, jitter: float) -> float:
    """Rest after failed attempt ``attempt`` (from 1): what the server asks, else a backoff.

    Args:
        jitter: a fresh random number in 0..1; spreads the retries over the whole interval
            (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
    """
    if fault.wait_s is not None:
        return min(fault.wait_s, limits.max_wait_s)
    return jitter * min(limits.backoff_s * 2.0 ** min(attempt - 1, 60), limits.max_wait_s)


def server_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that ``retry-after-ms`` or ``retry-after`` asks for; None for none or nonsense.

    Args:
        headers: looked up in lower case.
        now: seconds since the epoch, for a ``retry-after`` that is a date.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            wait_s = float(headers[name]) * unit_s
            return wait_s if 0 <= wait_s < math.inf else None
    with suppress(KeyError, ValueError, TypeError, OverflowError):
        return max(parsedate_to_datetime(headers["retry-after"]).timestamp() - now, 0.0)
    return None
