"""A gate lets in what a server bears and allows."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from langseg.cache.errors import UpstreamError, UsageError
from langseg.descriptors.openai_api import rate_limits
from langseg.descriptors.openai_api.rate_limits import (
    Gate,
    Meter,
    RateLimits,
    server_limit,
)


def test_gate__starts_with_one_place_then_32_and_doubles_each_round_trip():
    gate = Gate(RateLimits(max_concurrency=300))
    sizes = []
    for _ in range(5):
        sizes.append(gate.size)
        for _ in range(gate.size):
            gate.answered()
    assert sizes == [1, 32, 64, 128, 256]


def test_gate__never_grows_past_its_limit():
    gate = Gate(RateLimits(max_concurrency=3))
    for _ in range(20):
        gate.answered()
    assert gate.size == 3


def test_gate__halves_once_for_all_attempts_let_in_before():
    async def run() -> Any:
        gate = _grown(8)
        for ticket in [await gate.enter(0) for _ in range(8)]:
            assert ticket is not None
            gate.overloaded(ticket)
        return gate.size

    assert asyncio.run(run()) == 4


def test_gate__after_a_complaint_grows_by_one_each_round_trip():
    gate = _grown(8)
    gate.overloaded(0)
    for _ in range(4):
        gate.answered()
    assert gate.size == 4
    gate.answered()
    assert gate.size == 5


def test_gate__lets_nobody_in_before_the_pause_ends():
    async def run() -> Any:
        gate = _grown(8)
        gate.turned_away(time.monotonic() + 0.1)
        gate.answered()  # of an attempt that left before
        started = time.monotonic()
        await asyncio.gather(gate.enter(0), gate.enter(0))
        return time.monotonic() - started

    assert 0.1 <= asyncio.run(run()) < 0.5


def test_gate__after_a_pause_lets_one_in_until_the_first_answer():
    async def run() -> Any:
        gate = _grown(8)
        gate.turned_away(time.monotonic() + 0.01)
        waiting = [asyncio.create_task(gate.enter(0)) for _ in range(8)]
        await asyncio.sleep(0.05)
        before = sum(task.done() for task in waiting)
        gate.leave()  # turned away again
        await asyncio.sleep(0.01)
        again = sum(task.done() for task in waiting)
        gate.answered()
        await asyncio.sleep(0.01)
        return before, again, sum(task.done() for task in waiting)

    assert asyncio.run(run()) == (1, 2, 8)


def test_gate__a_complaint_before_two_were_let_in_does_not_end_the_doubling():
    gate = Gate(RateLimits(max_concurrency=300))
    gate.overloaded(0)  # a model that loads
    gate.answered()
    assert gate.size == 32


def test_gate__in_a_hurry_lets_everybody_in():
    async def run() -> Any:
        gate = Gate(RateLimits(max_concurrency=1))
        gate.turned_away(time.monotonic() + 60)
        waiting = [asyncio.create_task(gate.enter(0)) for _ in range(3)]
        waiting.append(asyncio.create_task(gate.rest(60)))
        await asyncio.sleep(0.01)
        gate.hurry()
        return await asyncio.wait_for(asyncio.gather(*waiting), 1)

    assert asyncio.run(run()) == [0, 0, 0, None]


def test_gate__a_place_given_back_lets_the_next_one_in():
    async def run() -> Any:
        gate = Gate(RateLimits(max_concurrency=1))
        await gate.enter(0)
        second = asyncio.create_task(gate.enter(0))
        await asyncio.sleep(0.01)
        assert not second.done()
        gate.leave()
        return await asyncio.wait_for(second, 1)

    assert asyncio.run(run()) == 0


def test_gate__stop_wakes_the_waiting_and_the_resting_and_keeps_the_first_reason():
    async def run() -> Any:
        gate = Gate(RateLimits(max_concurrency=1))
        await gate.enter(0)
        waiting = [asyncio.create_task(gate.enter(0)), asyncio.create_task(gate.rest(60))]
        await asyncio.sleep(0.01)
        gate.end(UpstreamError("first"))
        gate.end(UpstreamError("second"))
        return await asyncio.wait_for(asyncio.gather(*waiting), 1), str(gate.error)

    assert asyncio.run(run()) == ([None, None], "first")


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_limits__names_the_limit_that_is_no_number_above_zero(bad):
    with pytest.raises(UsageError, match="rate limits: tokens_per_minute: wanted "):
        RateLimits(max_concurrency=1, tokens_per_minute=bad)


def _grown(size: int) -> Gate:
    gate = Gate(RateLimits(max_concurrency=size))
    for _ in range(size):
        gate.answered()
    return gate


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until somebody waits: ``now``, and ``waited`` so far."""
    made = SimpleNamespace(now=1000.0, waited=0.0)

    async def wait(event: asyncio.Event, seconds: float | None) -> None:
        assert seconds is not None, "waits for ever"
        made.now += seconds
        made.waited += seconds

    monkeypatch.setattr(rate_limits, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(rate_limits, "_wait", wait)
    return made


def _entries(gate: Gate, clock: SimpleNamespace, count: int, tokens: int = 0) -> list[float]:
    """When so many attempts, one after the other, are let in; seconds from the first wait."""
    times = []

    async def run() -> None:
        for _ in range(count):
            assert await gate.enter(tokens) is not None
            times.append(clock.waited)
            gate.leave()

    asyncio.run(run())
    return times


def test_meter__without_a_rate_lets_everything_go():
    meter = Meter(None)
    for _ in range(1000):
        meter.take(10**9, 5.0)
    assert meter.due(5.0) == 5.0


def test_meter__spreads_a_minute_evenly_after_a_second_of_slack():
    meter, now, gone = Meter(120), 1000.0, []
    for _ in range(8):
        now = max(now, meter.due(now))
        gone.append(now - 1000)
        meter.take(1, now)
    assert gone == [0, 0, 0, 0.5, 1, 1.5, 2, 2.5]


def test_meter__never_lets_more_go_in_a_minute_than_its_rate_and_the_slack():
    meter, now, gone = Meter(90), 1000.0, []
    for pause_s in [0, 5, 0, 0, 30, 0] * 40:
        now = max(now + pause_s / 7, meter.due(now + pause_s / 7))
        gone.append(now)
        meter.take(1, now)
    most = max(sum(start <= t < start + 60 for t in gone) for start in gone)
    assert most <= 90 + 90 / 60 + 1


def test_meter__that_was_idle_saves_up_no_more_than_the_slack():
    meter = Meter(60)
    meter.take(1, 0.0)
    gone, now = [], 3600.0
    for _ in range(4):
        now = max(now, meter.due(now))
        gone.append(now - 3600)
        meter.take(1, now)
    assert gone == [0, 0, 1, 2]


def test_meter__an_amount_above_the_rate_goes_and_is_waited_for():
    meter = Meter(1000)
    meter.take(5000, 1000.0)
    assert meter.due(1000.0) == 1299


def test_gate__keeps_to_the_requests_a_minute_that_were_given(clock):
    gate = Gate(RateLimits(max_concurrency=8, requests_per_minute=60))
    assert _entries(gate, clock, 5) == [0, 0, 1, 2, 3]


def test_gate__keeps_to_the_tokens_a_minute_that_were_given(clock):
    gate = Gate(RateLimits(max_concurrency=8, tokens_per_minute=6000))
    assert _entries(gate, clock, 4, tokens=200) == pytest.approx([0, 1, 3, 5])


def test_gate__keeps_to_the_slower_of_two_rates(clock):
    gate = Gate(RateLimits(max_concurrency=8, requests_per_minute=60, tokens_per_minute=6000))
    assert _entries(gate, clock, 4, tokens=10) == [0, 0, 1, 2]


def test_gate__takes_over_the_rates_that_a_server_tells(clock):
    gate = Gate(RateLimits(max_concurrency=8))
    assert _entries(gate, clock, 3) == [0, 0, 0]
    gate.learn({"x-ratelimit-limit-requests": "60"})
    assert _entries(gate, clock, 4) == [0, 0, 1, 2]
    gate.learn({"x-ratelimit-limit-requests": "6000"})
    late = _entries(gate, clock, 4)
    assert late[-1] - late[0] < 0.1


@pytest.mark.parametrize("header", ["6", "600000"])
def test_gate__rates_that_were_given_beat_those_that_are_told(clock, header):
    gate = Gate(RateLimits(max_concurrency=8, requests_per_minute=60))
    gate.learn({"x-ratelimit-limit-requests": header})
    assert _entries(gate, clock, 4) == [0, 0, 1, 2]


@pytest.mark.parametrize("name", ["requests", "tokens"])
def test_gate__waits_for_the_reset_where_nothing_remains(clock, name):
    gate = Gate(RateLimits(max_concurrency=8))
    none_left = {f"x-ratelimit-remaining-{name}": "0", f"x-ratelimit-reset-{name}": "1m2s"}
    gate.learn({**none_left, f"x-ratelimit-reset-{name}": "12s"})
    assert _entries(gate, clock, 2) == [12, 12]
    gate.learn(none_left)  # whole again in 62 s, so that some is free before
    assert _entries(gate, clock, 1) == [72]


@pytest.mark.parametrize(
    ("left", "reset"), [("1", "60s"), ("0", ""), ("0", "0s"), ("0", "soon"), ("", "60s")]
)
def test_gate__does_not_wait_where_something_remains_or_no_reset_is_told(clock, left, reset):
    gate = Gate(RateLimits(max_concurrency=8))
    headers = {"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset}
    gate.learn(headers)
    assert _entries(gate, clock, 3) == [0, 0, 0]


@pytest.mark.parametrize(
    "nonsense", ["-1", "0", "0.0001", "1e-300", "inf", "1e400", "nan", "abc", "", " ", "1,000"]
)
def test_gate__ignores_a_limit_that_is_nonsense(clock, nonsense):
    gate = Gate(RateLimits(max_concurrency=8))
    headers = {f"x-ratelimit-limit-{name}": nonsense for name in ("requests", "tokens")}
    gate.learn(headers)
    assert _entries(gate, clock, 9, tokens=1000) == [0] * 9


def test_gate__that_ends_without_an_error_wakes_all_who_wait():
    async def run() -> Any:
        gate = Gate(RateLimits(max_concurrency=1, requests_per_minute=0.001))
        await gate.enter(0)
        waiting = [asyncio.create_task(gate.enter(0)) for _ in range(3)]
        waiting.append(asyncio.create_task(gate.rest(60)))
        await asyncio.sleep(0.005)
        gate.end()
        return await asyncio.wait_for(asyncio.gather(*waiting), 1), gate.ended, gate.error

    assert asyncio.run(run()) == ([None] * 4, True, None)


def test_gate__that_ended_without_an_error_keeps_a_later_one():
    gate = Gate(RateLimits(max_concurrency=1))
    gate.end()
    gate.end(UpstreamError("later"))
    assert str(gate.error) == "later"


def test_server_limit__reads_the_three_headers_of_one_name():
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "-5",
        "x-ratelimit-remaining-tokens": "many",
    }
    assert server_limit(headers, "requests") == (500, 499, 0.12)
    assert server_limit(headers, "tokens") == (None, None, None)
    assert server_limit({}, "requests") == (None, None, None)
