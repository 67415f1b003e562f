"""A cap holds although answers are under way, and whatever ends an attempt frees what it held."""

import asyncio
import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.cache.records import Request
from langseg.descriptors.providers import budget as module
from langseg.descriptors.providers.budget import Budget, Caps, Hold, Price, most

unhurried = settings(max_examples=200, deadline=None)
PRICE = Price(prompt=2.0, completion=8.0)
Used = tuple[int | None, int | None] | None


def asked(prompt: int = 100, reply: int = 50) -> Request:
    """A request that can use at most so many tokens."""
    return Request(
        request_key="0" * 64, class_name="wall", sense="", scene="*", sample_index=0, model="m",
        prompt_id="p", params_json=f'{{"max_completion_tokens":{reply}}}',
        messages_json="x" * (3 * prompt - 2), schema_json="{}",
    )  # fmt: skip


def taken(budget: Budget, request: Request | None = None) -> Hold:
    hold = budget.take(request or asked())
    assert hold is not None
    return hold


def test_most__counts_the_prompt_by_its_letters_and_the_whole_reply():
    assert most(asked(100, 50)) == Hold(100, 50)
    wide = Request(**{**vars(asked(100, 50)), "messages_json": "xyz" * 10 + "\u6f22\u00e9"})
    assert most(wide) == Hold(11 + 5, 50)  # a byte beyond ASCII may be a token of its own
    broken = Request(**{**vars(asked(100, 50)), "messages_json": "\ud800"})
    assert most(broken).prompt_tokens >= 1


@pytest.mark.parametrize(
    ("params", "reply"),
    [
        ('{"max_completion_tokens":7}', 7),
        ('{"max_tokens":9}', 9),
        ('{"max_completion_tokens":7,"max_tokens":9}', 7),
        ('{"max_completion_tokens":null,"max_tokens":9}', 9),
        ('{"max_completion_tokens":null}', 0),
        ("{}", 0),
    ],
)
def test_most__knows_both_names_of_the_reply_limit(params: str, reply: int):
    request = Request(**{**vars(asked()), "params_json": params})
    assert most(request).completion_tokens == reply


@pytest.mark.parametrize("name", ["requests", "tokens", "cost_usd", "seconds"])
@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, -math.inf])
def test_caps__name_the_one_that_is_no_number_above_zero(name: str, bad: Any):
    with pytest.raises(UsageError, match=f"caps: {name}: wanted .*, got {bad}"):
        Caps(**{name: bad})


def test_budget__without_caps_only_counts():
    budget = Budget()
    for _ in range(100):
        budget.settle(taken(budget), (1, 2))
    assert (budget.requests, budget.tokens, budget.cost_usd) == (100, 300, None)
    assert budget.reached == ""


def test_cost_cap__without_a_price_is_a_usage_error():
    with pytest.raises(UsageError, match="--max-cost: .* --price-in and --price-out"):
        Budget(Caps(cost_usd=1.0))


def test_price__of_cached_tokens_is_their_own():
    assert PRICE.cost_usd(1_000_000, 500_000) == pytest.approx(6.0)
    assert PRICE.cost_usd(1_000_000, 0, 400_000) == pytest.approx(2.0)
    cheap = Price(prompt=2.0, completion=8.0, cached=0.5)
    assert cheap.cost_usd(1_000_000, 0, 400_000) == pytest.approx(1.4)


def test_max_requests__counts_attempts_whatever_came_of_them():
    budget = Budget(Caps(requests=2))
    budget.settle(taken(budget), (0, 0))
    hold = taken(budget)
    assert budget.take(asked()) is None
    assert budget.reached == "--max-requests"  # though one is under way: it gives nothing back
    budget.settle(hold, None)
    assert budget.requests == 2


def test_max_tokens__counts_what_is_under_way_in_full():
    budget = Budget(Caps(tokens=450))
    holds = [taken(budget), taken(budget), taken(budget)]
    assert budget.take(asked()) is None
    assert budget.reached == ""  # room may still come back
    budget.settle(holds[0], (10, 20))
    assert budget.take(asked()) is None
    budget.settle(holds[1], (10, 20))
    taken(budget)
    assert budget.tokens == 60


def test_max_tokens__is_reached_when_nothing_under_way_can_make_room():
    budget = Budget(Caps(tokens=150))
    budget.settle(taken(budget), (1, 0))
    assert budget.take(asked()) is None
    assert budget.reached == "--max-tokens"


def test_max_cost__counts_what_is_under_way_at_its_price():
    each = PRICE.cost_usd(100, 50)
    budget = Budget(Caps(cost_usd=2.5 * each), PRICE)
    first, second = taken(budget), taken(budget)
    assert budget.take(asked()) is None
    assert budget.reached == ""
    budget.settle(first, (25, 0))
    assert budget.cost_usd == pytest.approx(50e-6)
    third = taken(budget)
    budget.settle(second, None)
    budget.settle(third, None)
    assert budget.cost_usd == pytest.approx(50e-6 + 2 * each)
    assert budget.take(asked()) is None
    assert budget.reached == "--max-cost"


def test_max_minutes__lets_nothing_leave_after_that(monkeypatch: pytest.MonkeyPatch):
    clock = SimpleNamespace(now=50.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    budget = Budget(Caps(seconds=60))
    clock.now = 109.9
    hold = taken(budget)
    clock.now = 110.0
    assert budget.take(asked()) is None
    assert budget.reached == "--max-minutes"
    budget.settle(hold, (1, 1))
    assert budget.tokens == 2


def test_budget__that_is_reached_lets_no_smaller_request_through_either():
    budget = Budget(Caps(tokens=150))
    assert budget.take(asked(200)) is None
    assert budget.reached == "--max-tokens"
    assert budget.take(asked(1, 1)) is None
    assert budget.requests == 0


@pytest.mark.parametrize(
    ("used", "tokens"),
    [((0, 0), 0), ((10, 5), 15), ((None, 5), 105), ((10, None), 60), (None, 150)],
)
def test_settle__counts_in_full_what_nobody_knows(used: Used, tokens: int):
    budget = Budget(price=PRICE)
    budget.settle(taken(budget), used)
    prompt, completion = used or (None, None)
    cost = PRICE.cost_usd(
        100 if prompt is None else prompt, 50 if completion is None else completion
    )
    assert budget.tokens == tokens
    assert budget.cost_usd == pytest.approx(cost)


def test_settle__leaves_nothing_behind_of_what_was_held():
    each = PRICE.cost_usd(100, 50)
    budget = Budget(Caps(cost_usd=3 * each), PRICE)
    for prompt in (1, 3, 7, 13, 29, 31):  # whose costs in floats do not add up to nothing
        holds = [taken(budget, asked(prompt, n)) for n in (1, 2, 5)]
        for hold in holds:
            budget.settle(hold, (0, 0))
    assert budget.cost_usd == 0.0
    assert budget.take(asked(300, 150)) is not None  # exactly all there is


def test_reserve__waits_for_what_is_under_way_and_goes_on():
    async def run() -> None:
        budget = Budget(Caps(tokens=160))
        hold = await budget.reserve(asked())
        assert hold is not None
        waiting = asyncio.create_task(budget.reserve(asked()))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(hold, (5, 5))
        assert await asyncio.wait_for(waiting, 1) is not None
        assert budget.reached == ""

    asyncio.run(run())


def test_reserve__ends_when_what_was_under_way_leaves_no_room():
    async def run() -> None:
        budget = Budget(Caps(tokens=160))
        hold = await budget.reserve(asked())
        assert hold is not None
        waiting = [asyncio.create_task(budget.reserve(asked())) for _ in range(3)]
        await asyncio.sleep(0)
        budget.settle(hold, (100, 50))
        assert await asyncio.wait_for(asyncio.gather(*waiting), 1) == [None] * 3
        assert budget.reached == "--max-tokens"
        assert budget.requests == 1

    asyncio.run(run())


def test_reserve__of_two_who_wait_lets_one_through_and_then_the_other():
    async def run() -> None:
        budget = Budget(Caps(tokens=170))
        hold = await budget.reserve(asked())
        assert hold is not None
        waiting = [asyncio.create_task(budget.reserve(asked())) for _ in range(2)]
        await asyncio.sleep(0)
        budget.settle(hold, (5, 5))
        await asyncio.sleep(0.001)
        (through,) = (task for task in waiting if task.done())
        second = through.result()
        assert second is not None
        budget.settle(second, (5, 5))
        assert None not in await asyncio.wait_for(asyncio.gather(*waiting), 1)
        assert budget.requests == 3

    asyncio.run(run())


def test_reserve__ends_for_all_at_once_when_another_reaches_a_cap(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))

    async def run() -> None:
        budget = Budget(Caps(tokens=160, seconds=60))
        assert await budget.reserve(asked()) is not None  # and stays under way
        waiting = [asyncio.create_task(budget.reserve(asked())) for _ in range(2)]
        await asyncio.sleep(0)
        clock.now = 60.0
        assert await budget.reserve(asked(1, 1)) is None
        assert await asyncio.wait_for(asyncio.gather(*waiting), 1) == [None, None]
        assert budget.reached == "--max-minutes"

    asyncio.run(run())


def test_reserve__that_is_cancelled_holds_nothing():
    async def run() -> None:
        budget = Budget(Caps(tokens=160))
        hold = await budget.reserve(asked())
        assert hold is not None
        waiting = asyncio.create_task(budget.reserve(asked()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        budget.settle(hold, (5, 5))
        assert budget.take(asked()) is not None

    asyncio.run(run())


share = st.sampled_from([None, 1.0, 0.5, 0.0])
attempts = st.lists(
    st.tuples(st.integers(1, 300), st.integers(1, 300), share, share, st.integers(1, 5)),
    min_size=1,
    max_size=15,
)
caps = st.builds(
    Caps,
    requests=st.none() | st.integers(1, 10),
    tokens=st.none() | st.integers(100, 1000),
    cost_usd=st.none() | st.floats(5e-4, 5e-3),
)


@pytest.mark.slow
@unhurried
@given(attempts, caps, st.integers(2, 6))
def test_spend__never_passes_a_cap_in_whatever_order_answers_come(planned, limits, places):
    """Every attempt ends, too: nobody waits for what will not come."""
    budget = Budget(limits, PRICE)
    spent = {"requests": 0, "tokens": 0}

    async def ask(gate: asyncio.Semaphore, attempt: Any) -> None:
        prompt, reply, of_prompt, of_reply, turns = attempt
        async with gate:
            hold = await budget.reserve(asked(prompt, reply))
            if hold is None:
                return
            spent["requests"] += 1
            for _ in range(turns):
                await asyncio.sleep(0)
            used = (
                None if of_prompt is None else int(prompt * of_prompt),
                None if of_reply is None else int(reply * of_reply),
            )
            spent["tokens"] += sum(part or 0 for part in used)
            budget.settle(hold, used)

    async def run() -> None:
        gate = asyncio.Semaphore(places)
        async with asyncio.timeout(5):
            await asyncio.gather(*(ask(gate, attempt) for attempt in planned))

    asyncio.run(run())
    assert budget.requests == spent["requests"]
    assert budget.tokens >= spent["tokens"]
    assert limits.requests is None or budget.requests <= limits.requests
    assert limits.tokens is None or budget.tokens <= limits.tokens
    assert budget.cost_usd is not None
    assert limits.cost_usd is None or budget.cost_usd <= limits.cost_usd + 1e-12
    assert budget.reached or budget.requests == len(planned)
