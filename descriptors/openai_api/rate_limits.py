"""Decide how many requests may be under way at once, and how many a minute.

In:  what happened to each attempt: an answer, a complaint; the limits in a reply's headers.
Out: leave to make the next attempt, or word that the run has stopped.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress

from pydantic import Field

from langseg.cache.errors import LangSegError
from langseg.cache.validation import checked
from langseg.descriptors.openai_api.told_wait import duration_s

_SLACK_S = 1.0
_OPENING = 32.0  # a reply takes seconds: doubling from one would cost five of them
_MOST_LEARNED_S = 60.0  # a reset is when the limit is whole again: requests may pass before


@checked("rate limits")
class RateLimits:
    """What one run may ask of a server.

    ``requests_per_minute`` and ``tokens_per_minute`` are spread evenly; None means: as the server
    says in its headers, if it does.
    """

    max_concurrency: int = Field(gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)


class Meter:
    """Spreads a number a minute evenly, with a second's worth of slack (a virtual schedule, GCRA).

    Hosted APIs enforce a minute's limit in shorter windows, so a burst of all of it is refused.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._due = 0.0

    def due(self, now: float) -> float:
        """When the next one may go; ``now`` or earlier means: at once."""
        return self._due if self.per_minute else now

    def take(self, amount: float, now: float) -> None:
        """One goes now, and counts ``amount``."""
        if self.per_minute:
            self._due = max(self._due, now - _SLACK_S) + amount * 60.0 / self.per_minute


class Gate:
    """Lets a number of attempts run at once, and finds the number the server bears.

    It starts at 1, so that a wrong key or address costs one request; the first answer opens
    ``_OPENING`` places, and they double each round trip until the server first complains, then
    grows by one each round trip; a complaint halves it, once for all the attempts that were let
    in before the halving (as TCP does). A server that turns everybody away is let alone for a
    while, then asked once: the first answer opens the places again. What it lets in also keeps to
    the requests and tokens a minute that were given, or that the server told.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._max = limits.max_concurrency
        self._meters = {
            "requests": Meter(limits.requests_per_minute),
            "tokens": Meter(limits.tokens_per_minute),
        }
        self._by_server = [name for name, meter in self._meters.items() if meter.per_minute is None]
        self._size = 1.0
        self._active = 0
        self._halvings = 0
        self._doubles = True  # until more than one at once were too many
        self._paused_until = 0.0
        self.probes = False  # one at a time, to see whether the server takes requests again
        self._changed = asyncio.Event()
        self._hurried = asyncio.Event()
        self._ended = False
        self.error: LangSegError | None = None

    @property
    def size(self) -> int:
        """How many attempts may run at once now."""
        return int(self._size)

    @property
    def ended(self) -> bool:
        """Whether nobody is let in any more."""
        return self._ended

    async def enter(self, tokens: int) -> int | None:
        """Wait for a place. Returns: a ticket for ``overloaded``; None when the run has ended.

        Whoever entered calls ``leave`` once, whatever came of the attempt.
        """
        while not self.ended:
            now = time.monotonic()
            due = max(self._paused_until, *(meter.due(now) for meter in self._meters.values()))
            free = self._active < (1 if self.probes else self.size)
            if (due <= now and free) or self._hurried.is_set():
                self._active += 1
                self._meters["requests"].take(1, now)
                self._meters["tokens"].take(tokens, now)
                return self._halvings
            self._changed.clear()
            await _wait(self._changed, due - now if due > now else None)
        return None

    def leave(self) -> None:
        """Give the place back."""
        self._active -= 1
        self._changed.set()

    def answered(self) -> None:
        """The server kept up: let a little more in."""
        growth = 1.0 if self._doubles else 1.0 / self._size
        opened = _OPENING if self._doubles else 1.0
        self._size = min(max(self._size + growth, opened), self._max)
        self.probes = False
        self._changed.set()

    def overloaded(self, ticket: int) -> None:
        """The server complained: let half as many in."""
        if ticket == self._halvings:
            self._halvings += 1
            self._doubles = self._doubles and self._size == 1
            self._size = max(self._size / 2, 1.0)

    def turned_away(self, until: float) -> None:
        """The server takes nothing now: let nobody in until then, and one to see whether it does.

        Args:
            until: as ``time.monotonic`` tells it.
        """
        self._paused_until = max(self._paused_until, until)
        self.probes = True

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the limits a reply's headers tell, and wait where nothing remains of one."""
        for name in self._by_server:
            limit, left, reset_s = server_limit(headers, name)
            if limit and limit >= 1:  # less is nonsense that would end the run by waiting
                self._meters[name].per_minute = limit
            if left == 0 and reset_s:
                pause_s = min(reset_s, _MOST_LEARNED_S)
                self._paused_until = max(self._paused_until, time.monotonic() + pause_s)

    def end(self, error: LangSegError | None = None) -> None:
        """Let nobody in any more and wake all who wait; the first error stands."""
        if self.error is None:
            self.error = error
        self._ended = True
        self.hurry()

    def hurry(self) -> None:
        """Let everybody in at once, who are then told that the time is up."""
        self._hurried.set()
        self._changed.set()

    async def rest(self, seconds: float) -> None:
        """Sleep, holding no place; return early when the run ends."""
        await _wait(self._hurried, seconds)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def server_limit(
    headers: Mapping[str, str], name: str
) -> tuple[float | None, float | None, float | None]:
    """What ``x-ratelimit-{limit,remaining,reset}-<name>`` tell; None for none and for nonsense.

    Returns: the limit a minute, what remains of it, and seconds until it is whole again.
    """
    limit, left = (_number(headers.get(f"x-ratelimit-{w}-{name}")) for w in ("limit", "remaining"))
    reset = headers.get(f"x-ratelimit-reset-{name}", "")
    return limit, left, duration_s(reset)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None
