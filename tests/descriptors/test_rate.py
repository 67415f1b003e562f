import asyncio
import time
from typing import Any

import pytest

from langseg.cache.errors import UpstreamError, UsageError
from langseg.descriptors.rate import Fault, Gate, Limits, rest_s, server_wait_s


def test_gate__starts_with_one_place_and_doubles_each_round_trip():
    gate = Gate(Limits(max_concurrency=32))
    sizes = []
    for _ in range(4):
        sizes.append(gate.size)
        for _ in range(gate.size):
            gate.answered()
    assert sizes == [1, 2, 4, 8]


def test_gate__never_grows_past_its_limit():
    gate = Gate(Limits(max_concurrency=3))
    for _ in range(20):
        gate.answered()
    assert gate.size == 3


def test_gate__halves_once_for_all_attempts_let_in_before():
    async def run() -> Any:
        gate = _grown(8)
        for ticket in [await gate.enter(0) for _ in range(8)]:
            assert ticket is not None
            gate.overloaded(ticket, 0)
        return gate.size

    assert asyncio.run(run()) == 4


def test_gate__after_a_complaint_grows_by_one_each_round_trip():
    gate = _grown(8)
    gate.overloaded(0, 0)
    for _ in range(4):
        gate.answered()
    assert gate.size == 4
    gate.answered()
    assert gate.size == 5


def test_gate__lets_nobody_in_before_the_pause_ends():
    async def run() -> Any:
        gate = _grown(8)
        gate.overloaded(0, 0.1)
        started = time.monotonic()
        await asyncio.gather(gate.enter(0), gate.enter(0))
        return time.monotonic() - started

    assert 0.1 <= asyncio.run(run()) < 0.5


def test_gate__a_place_given_back_lets_the_next_one_in():
    async def run() -> Any:
        gate = Gate(Limits(max_concurrency=1))
        await gate.enter(0)
        second = asyncio.create_task(gate.enter(0))
        await asyncio.sleep(0.01)
        assert not second.done()
        gate.leave()
        return await asyncio.wait_for(second, 1)

    assert asyncio.run(run()) == 0


def test_gate__stop_wakes_the_waiting_and_the_resting_and_keeps_the_first_reason():
    async def run() -> Any:
        gate = Gate(Limits(max_concurrency=1))
        await gate.enter(0)
        waiting = [asyncio.create_task(gate.enter(0)), asyncio.create_task(gate.rest(60))]
        await asyncio.sleep(0.01)
        gate.end(UpstreamError("first"))
        gate.end(UpstreamError("second"))
        return await asyncio.wait_for(asyncio.gather(*waiting), 1), str(gate.error)

    assert asyncio.run(run()) == ([None, None], "first")


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
    limits, fault = Limits(max_concurrency=1, backoff_s=0.5, max_wait_s=3), Fault(message="")
    assert [rest_s(fault, n, limits, 1.0) for n in (1, 2, 3, 4, 5000)] == [0.5, 1, 2, 3, 3]
    assert rest_s(fault, 3, limits, 0.25) == 0.5


def test_rest_s__does_as_the_server_asks_up_to_the_cap():
    limits = Limits(max_concurrency=1, max_wait_s=30)
    assert rest_s(Fault(message="", wait_s=7), 1, limits, 0.0) == 7
    assert rest_s(Fault(message="", wait_s=86_400), 1, limits, 0.0) == 30


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_limits__names_the_limit_that_is_no_number_above_zero(bad):
    with pytest.raises(UsageError, match="timeout_s: wanted a number above 0"):
        Limits(max_concurrency=1, timeout_s=bad)


def _grown(size: int) -> Gate:
    gate = Gate(Limits(max_concurrency=size))
    for _ in range(size):
        gate.answered()
    return gate
