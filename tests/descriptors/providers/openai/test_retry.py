"""A failed attempt rests before the next: as the server asks, else longer each time."""

from functools import partial

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.providers.openai.retry import Fault, RetryRule, server_wait_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:10 GMT"}, 10),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_server_wait_s__reads_milliseconds_seconds_and_dates(headers, wait_s):
    assert server_wait_s(headers, now=60.0) == wait_s


def test_rest_s__doubles_up_to_the_cap_under_full_jitter():
    rest = partial(RetryRule(backoff_s=0.5, max_wait_s=3).rest_s, Fault(message=""))
    assert [rest(n, jitter=1.0) for n in (1, 2, 3, 4, 5000)] == [0.5, 1, 2, 3, 3]
    assert rest(3, jitter=0.25) == 0.5


def test_rest_s__does_as_the_server_asks_up_to_the_cap():
    rest = partial(RetryRule(backoff_s=0.5, max_wait_s=30).rest_s, attempt=1, jitter=0.0)
    assert rest(Fault(message="", wait_s=7)) == 7
    assert rest(Fault(message="", wait_s=86_400)) == 30


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), None])
def test_retry_rule__names_the_number_that_is_none_above_zero(bad):
    with pytest.raises(UsageError, match="timeout_s: wanted a number above 0"):
        RetryRule(timeout_s=bad)
