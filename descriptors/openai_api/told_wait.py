"""Read how long a server asks to be left alone, wherever and however it says so.

In:  the headers of a refusal; the JSON of its body; its words.
Out: seconds from now; None where nothing is told, or nonsense.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

_LONGEST_S = 366 * 86_400.0  # what is longer is no time anybody waits for, and overflows calendars
_UNIT_S = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(
    r"\s*(?:,\s*|and\s+)*(\d+(?:\.\d+)?)\s*"
    r"(?:(?P<ms>milliseconds?|msecs?|ms)|(?P<d>days?|d)|(?P<h>hours?|hrs?|h)"
    r"|(?P<m>minutes?|mins?|m)|(?P<s>seconds?|secs?|s))(?![a-z])",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(?:try(?: your request)? again|retry(?:ing)?(?: (?:this|your|the) request)?|wait|back off"
    r"|available(?: again)?|come back|resets?)"
    r"[\s:]+(?P<by>(?:(?:in|after|for|at least|about|approximately|another)[\s:]+)*)(?=\d)",
    re.IGNORECASE,
)
_BARE = re.compile(r"\d+(?:\.\d+)?(?=\s*(?:[.,;)]?\s|[.,;)\"']?$))(?!\s+\w)")  # no date, no count
_EPOCH_S, _EPOCH_MS = 1e9, 1e12  # numbers from these on are moments, not durations
# ``retryDelay``: Google's RetryInfo; ``estimated_time``: until Hugging Face has loaded a model
_FIELDS = (
    "retrydelay", "retryafter", "retryafterseconds", "retryafterms", "retryin", "estimatedtime",
    "quotaresetdelay", "resetsinseconds", "resetafter", "resetsat", "xratelimitreset",
)  # fmt: skip
_HEADERS = (
    ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0),
    ("x-ratelimit-reset", 1.0), ("x-rate-limit-reset", 1.0), ("ratelimit-reset", 1.0),
)  # fmt: skip


def wait_in_headers(headers: Mapping[str, str], now: float) -> float | None:
    """What ``retry-after`` and its kin ask for.

    Args:
        headers: looked up in lower case.
        now: seconds since the epoch, for what is a date or a moment.
    """
    for name, unit_s in _HEADERS:
        told = headers.get(name)
        if told is not None and (wait_s := _seconds(told, unit_s, now)) is not None:
            return wait_s
    with suppress(KeyError, ValueError, TypeError, OverflowError):
        return max(parsedate_to_datetime(headers["retry-after"]).timestamp() - now, 0.0)
    return None


def wait_in_body(body: Any, now: float) -> float | None:
    """What a field of the body asks for, at any depth; the longest, where several do."""
    found = [
        wait_s
        for name, value in _fields(body, depth=8)
        if (plain := re.sub(r"[^a-z]", "", name.casefold())) in _FIELDS
        and (wait_s := _seconds(value, 0.001 if plain.endswith("ms") else 1.0, now)) is not None
    ]
    return max(found, default=None)


def wait_in_words(text: str) -> float | None:
    """What ``try again in 7h12m``, ``retry after 26 seconds`` and their like ask for."""
    for asks in _ASKS.finditer(text):
        wait_s, _ = _spelled(text, asks.end())
        if wait_s is None and asks["by"] and (bare := _BARE.match(text, asks.end())):
            wait_s = float(bare.group())
        if wait_s is not None:
            return min(wait_s, _LONGEST_S)
    return None


def duration_s(text: str) -> float | None:
    """Seconds of ``1h2m3.5s``, ``20ms``, ``26 seconds`` or ``7``; None for anything else."""
    text = text.strip()
    with suppress(ValueError):
        value = float(text)
        return value if 0 <= value < math.inf else None
    total, end = _spelled(text, 0)
    return total if total is not None and end == len(text) and total < math.inf else None


def _seconds(told: Any, unit_s: float, now: float) -> float | None:
    """Of a number, a moment since the epoch, or a duration; a moment that is over tells nothing."""
    value = duration_s(str(told)) if isinstance(told, (str, int, float)) else None
    if value is None:
        return None
    if value >= _EPOCH_S:
        value = value / (1000 if value >= _EPOCH_MS else 1) - now
        return min(value, _LONGEST_S) if value > 0 else None
    return min(value * unit_s, _LONGEST_S)


def _spelled(text: str, start: int) -> tuple[float | None, int]:
    """The duration that begins there, largest unit first, and where it ends."""
    total: float | None = None
    smallest = math.inf
    while part := _PART.match(text, start):
        unit_s = _UNIT_S[str(part.lastgroup)]
        if unit_s >= smallest:
            break
        total = (total or 0.0) + float(part.group(1)) * unit_s
        smallest, start = unit_s, part.end()
    return total, start


def _fields(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name), inner
            yield from _fields(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _fields(inner, depth - 1)
