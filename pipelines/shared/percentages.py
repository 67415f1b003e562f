"""Word a share, and a difference of two, as a person reads them.

In:  numbers from 0 to 1, with their intervals.
Out: percent and points.
"""

from collections.abc import Sequence
from math import isnan


def share(value: float | None, between: Sequence[float] | None = None) -> str:
    """``36.0 %``, or ``36.0 % (33.5 to 38.3)``; nothing for what was not measured."""
    if value is None or isnan(value):
        return ""
    return f"{100 * value:.1f} %{_between(between, '.1f')}"


def points(value: float, between: Sequence[float] | None = None) -> str:
    """A difference of shares, in points of a hundred: ``+1.6 points (-0.5 to +3.6)``."""
    if isnan(value):
        return ""
    return f"{100 * value:+.1f} points{_between(between, '+.1f')}"


def _between(between: Sequence[float] | None, form: str) -> str:
    if between is None or isnan(between[0]):
        return ""
    low, high = (format(100 * edge, form) for edge in between)
    return f" ({low} to {high})"
