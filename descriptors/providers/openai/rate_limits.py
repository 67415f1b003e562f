"""Decide how many requests may be under way at once, and how many a minute.

In:  what happened to each attempt: an answer, a complaint; the limits in a reply's headers.
Out: leave to make the next attempt, or word that the run has stopped.
"""

import asyncio
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from langseg.cache.errors import LangSegError
from langseg.descriptors.providers.openai.retry import check_above_zero

_SLACK_S = 1.0
_OPENING = 32.0  # a reply takes seconds: doubling from one would cost five of them
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """What one run may ask of a server.

    ``requests_per_minute`` and ``tokens_per_minute`` are spread evenly; None means: as the server
    says in its headers, if it does.
    """

    max_concurrency: int
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        check_above_zero(self)


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
    in before the halving (as TCP does). What it lets in also keeps to the requests and tokens a
    minute that were given, or that the server told.
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
        self._paused_until = 0.0
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self.error: LangSegError | None = None

    @property
    def size(self) -> int:
        """How many attempts may run at once now."""
        return int(self._size)

    @property
    def ended(self) -> bool:
        """Whether nobody is let in any more."""
        return self._ended.is_set()

    async def enter(self, tokens: int) -> int | None:
        """Wait for a place. Returns: a ticket for ``overloaded``; None when the run has ended.

        Whoever entered calls ``leave`` once, whatever came of the attempt.
        """
        while not self.ended:
            now = time.monotonic()
            due = max(self._paused_until, *(meter.due(now) for meter in self._meters.values()))
            if due <= now and self._active < self.size:
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
        growth = 1.0 if self._halvings == 0 else 1.0 / self._size
        opened = _OPENING if self._halvings == 0 else 1.0
        self._size = min(max(self._size + growth, opened), self._max)
        self._changed.set()

    def overloaded(self, ticket: int, pause_s: float) -> None:
        """The server complained: let half as many in, and nobody for ``pause_s`` seconds."""
        self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
        if ticket == self._halvings:
            self._halvings += 1
            self._size = max(self._size / 2, 1.0)

    def learn(self, headers: Mapping[str, str], max_wait_s: float) -> None:
        """Take over the limits a reply's headers tell, and wait where nothing remains of one."""
        for name in self._by_server:
            limit, left, reset_s = server_limit(headers, name)
            if limit and limit >= 1:  # less is nonsense that would end the run by waiting
                self._meters[name].per_minute = limit
            if left == 0 and reset_s:
                pause_s = min(reset_s, max_wait_s)
                self._paused_until = max(self._paused_until, time.monotonic() + pause_s)

    def end(self, error: LangSegError | None = None) -> None:
        """Let nobody in any more and wake all who wait; the first error stands."""
        if self.error is None:
            self.error = error
        self._changed.set()
        self._ended.set()

    async def rest(self, seconds: float) -> None:
        """Sleep, holding no place; return early when the run ends."""
        await _wait(self._ended, seconds)


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


def duration_s(text: str) -> float | None:
    """Seconds of ``1h2m3.5s``, ``20ms`` or ``7``; None for anything else."""
    number = _number(text)
    match = _DURATION.fullmatch(text.strip())
    if number is not None or match is None or not any(match.groups()):
        return number
    hours, minutes, seconds, thousandths = (float(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    return total if total < math.inf else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None
