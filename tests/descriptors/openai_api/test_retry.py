"""A failed attempt rests before the next, longer each time; a server that turns all away is waited
for as it asks, and not for ever."""

import math
from datetime import UTC, datetime
from functools import partial

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.openai_api.retry import Patience, RetryRule, come_back, out_of_patience

NOON = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)


def test_rest_s__doubles_up_to_the_cap_under_full_jitter():
    rest = partial(RetryRule(backoff_s=0.5, max_rest_s=3).rest_s)
    assert [rest(n, jitter=1.0) for n in (1, 2, 3, 4, 5000)] == [0.5, 1, 2, 3, 3]
    assert rest(3, jitter=0.25) == 0.5


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), None])
def test_retry_rule__names_the_number_that_is_none_above_zero(bad):
    with pytest.raises(UsageError, match="retry rule: timeout_s: wanted "):
        RetryRule(timeout_s=bad)


def test_patience__pauses_longer_from_turn_to_turn_and_anew_after_an_answer():
    patience, now, pauses = Patience(RetryRule(backoff_s=1, max_rest_s=4)), 100.0, []
    for _ in range(4):
        until = patience.turned_away(None, now)
        assert until is not None
        pauses.append(until - now)
        now = until
    assert pauses == [1, 2, 4, 4]
    patience.answered()
    assert patience.turned_away(None, now) == now + 1


def test_patience__waits_as_long_as_it_is_told():
    patience = Patience(RetryRule(backoff_s=1))
    assert patience.turned_away(20, 100.0) == 120
    assert patience.turned_away(0.001, 120.0) == 122  # a server that says so again and again


def test_patience__what_was_sent_before_the_pause_lengthens_it_only_by_what_it_is_told():
    patience = Patience(RetryRule(backoff_s=1))
    assert [patience.turned_away(None, 100.0 + late) for late in (0, 0.1, 0.2)] == [101] * 3
    assert patience.turned_away(9, 100.5) == 109.5
    assert patience.turned_away(None, 109.5) == 111.5  # the second turn, not the fifth


def test_patience__does_not_begin_a_wait_that_is_longer_than_it():
    assert Patience(RetryRule(patience_s=600)).turned_away(601, 0.0) is None
    assert Patience(RetryRule(patience_s=600)).turned_away(math.inf, 0.0) is None
    assert Patience(RetryRule(patience_s=600)).turned_away(600, 0.0) == 600


@pytest.mark.parametrize("told", [None, 7.0])
def test_patience__ends_where_nothing_was_answered_for_so_long(told):
    patience, now, turns = Patience(RetryRule(patience_s=600)), 50.0, 0
    while (until := patience.turned_away(told, now)) is not None:
        now, turns = until, turns + 1
    assert 580 <= now - 50 <= 600
    assert turns < 100


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [
        (20, "come back after 12:01"),
        (25_920, "come back after 19:13"),
        (12 * 3600, "come back after 00:01 on 2026-12-01"),
        (29.5 + 60 * 7, "come back after 12:08"),
        (30 + 60 * 7, "come back after 12:08"),
        (math.inf, "come back tomorrow, as this is a limit of the day"),
    ],
)
def test_come_back__names_the_next_minute_and_another_day_by_its_date(wait_s, words):
    assert come_back(wait_s, NOON) == words


def test_out_of_patience__says_how_long_was_waited_but_for_a_wait_that_never_began():
    rule = RetryRule(patience_s=600)
    assert out_of_patience(None, rule, NOON) == (" within 10 min", "")
    assert out_of_patience(20, rule, NOON) == (" within 10 min", "come back after 12:01")
    assert out_of_patience(25_920, rule, NOON) == ("", "come back after 19:13")
