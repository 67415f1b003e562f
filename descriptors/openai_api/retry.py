"""The retry rule: which rests lie between attempts, and how long a run waits for a server.

In:  what a failed attempt means, and how many failed.
Out: seconds to rest before the next; when to ask again a server that turns everybody away.

``RetryRule`` has the numbers of single requests; those of the Batch API's calls are a rule of
their own in ``batch.calls``.
"""

import math
from datetime import datetime, timedelta

from pydantic import Field

from langseg.cache.validation import checked


@checked("retry rule")
class RetryRule:
    """How often a request is tried, how long each attempt may take, and how long it rests between.

    Times in seconds. ``timeout_s`` bounds one attempt, ``deadline_s`` a request with all its
    attempts and rests, but not the wait for its turn, nor for a server that turns everybody away:
    ``patience_s`` bounds that, without an answer between. ``max_rest_s`` caps a rest that the
    server did not ask for. ``give_up_after`` requests that fail with no answer between them end
    the run: the server refuses the lot.
    """

    max_attempts: int = Field(default=8, gt=0)  # the rests of eight add up to about 20 s
    timeout_s: float = Field(default=120.0, gt=0)
    deadline_s: float = Field(default=600.0, gt=0)
    backoff_s: float = Field(default=0.5, gt=0)
    max_rest_s: float = Field(default=10.0, gt=0)
    patience_s: float = Field(default=600.0, gt=0)
    give_up_after: int = Field(default=10, gt=0)

    def rest_s(self, attempt: int, jitter: float = 1.0) -> float:
        """Rest after failed attempt ``attempt`` (from 1): it doubles from ``backoff_s``.

        Args:
            jitter: a fresh random number in 0..1; spreads the retries over the whole interval
                (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
        """
        return jitter * min(self.backoff_s * 2.0 ** min(attempt - 1, 60), self.max_rest_s)


class Patience:
    """When to ask a server again that turns everybody away, and when that was long enough.

    What it asks for is kept to; else the pause doubles from turn to turn. Moments are seconds of
    one clock that only grows.
    """

    def __init__(self, rule: RetryRule) -> None:
        self._rule = rule
        self._turns = 0
        self._since = 0.0  # when the first of them was turned away
        self._until = 0.0

    def turned_away(self, wait_s: float | None, now: float, jitter: float = 1.0) -> float | None:
        """When to ask again; None: not in this run.

        What comes back before that time left before the pause began, and lengthens nothing but
        by what it was told.

        Args:
            wait_s: how long the server asks to be left alone, if it says so.
            jitter: as for ``RetryRule.rest_s``.
        """
        if not self._turns:
            self._since = now
        end = self._since + self._rule.patience_s
        if now >= end or now + (wait_s or 0.0) > end:
            return None
        if now >= self._until:
            self._turns += 1
            self._until = min(now + self._rule.rest_s(self._turns, jitter), end)
        self._until = max(self._until, now + (wait_s or 0.0))
        return self._until

    def answered(self) -> None:
        """The server answered: what is turned away from now on is a new story."""
        self._turns = 0


def out_of_patience(wait_s: float | None, rule: RetryRule, now: datetime) -> tuple[str, str]:
    """What to say of a server that was turning everybody away for too long.

    Returns: within what time an answer was wanted, and what helps; "" where nothing is told.
    """
    within = f" within {rule.patience_s / 60:.0f} min"
    if not wait_s:
        return within, ""
    return "" if wait_s > rule.patience_s else within, come_back(wait_s, now)


def come_back(wait_s: float, now: datetime) -> str:
    """``come back after 17:42``, of the next minute; with its date, on another day.

    Args:
        wait_s: may be infinite: a limit of the day that names no time.
        now: in whichever time zone the person reads clocks.
    """
    if wait_s == math.inf:
        return "come back tomorrow, as this is a limit of the day"
    then = now + timedelta(seconds=wait_s)
    if then.second or then.microsecond:
        then += timedelta(minutes=1)
    return f"come back after {then:%H:%M}" + ("" if then.date() == now.date() else f" on {then:%F}")
