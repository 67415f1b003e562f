"""The retry rule: which failed attempts are made again, after how long, and which end the run.

In:  an exception of the openai SDK, or one of ours about the body; how many attempts failed.
Out: a ``Fault``, which holds text and numbers only: no exception with a key in it lives on; the
     seconds to rest before the next attempt.

``RetryRule`` has the numbers of single requests; those of the Batch API's calls are a rule of
their own in ``batch.calls``.
"""

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import UsageError

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from openai import APIStatusError

_RETRIED = (408, 409, 429)  # and every status from 500 on, as the SDK itself would retry
_OVERLOAD = (429, 503, 529)  # 529: how some servers spell "overloaded"
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_REMEDIES = {  # faults of the account or the address: no request of this run can succeed
    401: "set OPENAI_API_KEY to a key that this server accepts",
    402: "add credit to the account",
    403: "use a key that may use this model",
    404: "check the model's name and the base URL (most end in /v1)",
    405: "check the base URL (most end in /v1)",
}


def check_above_zero(numbers: Any) -> None:
    """Raises: UsageError, naming a field of a dataclass that is no number above 0; a field whose
    default is None may be None.
    """
    for field in fields(numbers):
        value = getattr(numbers, field.name)
        if value is None and field.default is None:
            continue
        if value is None or not 0 < value < math.inf:
            raise UsageError(f"{field.name}: wanted a number above 0, got {value}")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why an attempt brought no answer, and what that means for the next one.

    ``message`` is as it came: redact it before it is shown. ``unread``: the request was turned
    away or never arrived, so it used no tokens; ``overload``: the server asks for fewer requests;
    ``wait_s``: how long it asks us to wait; ``unreachable``: no connection was
    made, so the request is not to blame; ``remedy``: what the user must do before any request
    can succeed, so the run stops.
    """

    message: str
    retry: bool = True
    unread: bool = False
    overload: bool = False
    unreachable: bool = False
    wait_s: float | None = None
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class RetryRule:
    """How often a request is tried, how long each attempt may take, and how long it rests between.

    Times in seconds. ``timeout_s`` bounds one attempt, ``deadline_s`` a request with all its
    attempts and rests, but not the wait for its turn. ``max_wait_s`` caps a rest, also one that
    the server asks for. ``give_up_after`` requests that fail with no answer between them end the
    run: the server is down, or refuses the lot.
    """

    max_attempts: int = 8  # rests add up to about half a minute before a request is given up
    timeout_s: float = 120.0
    deadline_s: float = 600.0
    backoff_s: float = 0.5
    max_wait_s: float = 60.0
    give_up_after: int = 10

    def __post_init__(self) -> None:
        check_above_zero(self)

    def rest_s(self, fault: Fault, attempt: int, jitter: float = 1.0) -> float:
        """Rest after failed attempt ``attempt`` (from 1): what the server asks, else a backoff that
        doubles from ``backoff_s``.

        Args:
            jitter: a fresh random number in 0..1; spreads the retries over the whole interval
                (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
        """
        if fault.wait_s is not None:
            return min(fault.wait_s, self.max_wait_s)
        return jitter * min(self.backoff_s * 2.0 ** min(attempt - 1, 60), self.max_wait_s)


def fault_of(error: Exception) -> Fault:
    """What a failed attempt means; an exception of no known kind means: try again."""
    import httpx2
    import openai

    if isinstance(error, openai.APIStatusError):
        return _status_fault(error)
    if isinstance(error, (openai.APITimeoutError, TimeoutError)):
        return Fault(message="no reply in time", overload=True)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        never_arrived = isinstance(cause, httpx2.ConnectError)
        return Fault(
            message=f"no connection ({type(cause).__name__}: {cause})",
            unread=never_arrived,
            unreachable=never_arrived,
        )
    return Fault(message=str(error))


def _status_fault(error: "APIStatusError") -> Fault:
    status, headers = error.status_code, error.response.headers
    if error.code in _QUOTA or error.type in _QUOTA:
        status = 402  # comes as 429, but waiting brings no credit
    return Fault(
        message=str(error),
        unread=status < 500,  # a gateway gives up on replies that are being written, and billed
        retry=(status in _RETRIED or status >= 500) and headers.get("x-should-retry") != "false",
        overload=status in _OVERLOAD,
        wait_s=server_wait_s(headers, time.time()),
        remedy=_REMEDIES.get(status, ""),
    )


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
