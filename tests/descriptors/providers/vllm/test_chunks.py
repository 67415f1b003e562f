"""How chunks are cut, halved and paid for, shown with an engine that obeys; needs no vLLM."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from langseg.cache.errors import UpstreamError
from langseg.cache.records import Request
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.budget import Budget, Caps, most
from langseg.descriptors.providers.chat import Reply
from langseg.descriptors.providers.vllm import provider as vllm_provider
from langseg.descriptors.providers.vllm.engine import BrokenEngineError, RefusedError, TimedReply
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.vllm_requests import answers, request, things

REPLY = Reply(status="ok", raw_text="{}", prompt_tokens=10, completion_tokens=5, cached_tokens=4)


class ObedientEngine:
    """Answers at once. Names say what happens: ``long`` does not fit, ``bad`` fails its call,
    ``deadly`` kills the engine, ``silent`` kills it so that the call never returns."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.alive = True
        self.closed = 0

    def load(self) -> None:
        """It is there."""

    def guard(self) -> None:
        """It has no processes."""

    def misfit(self, one: Request) -> str:
        return "a prompt that is too long" if "long" in one.class_name else ""

    def chat(self, requests: Sequence[Request]) -> list[TimedReply]:
        names = [one.class_name for one in requests]
        self.calls.append(names)
        if "bad" in names:
            raise RefusedError("a request that vLLM does not take")
        if "deadly" in names:
            raise BrokenEngineError("no memory")
        if "silent" in names:
            self.alive = False
            Event().wait()
        return [TimedReply(REPLY, 0.1) for _ in names]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ObedientEngine:
    engine = ObedientEngine()
    monkeypatch.setattr(vllm_provider, "Engine", lambda model, options: engine)
    return engine


def named(*names: str) -> list[Request]:
    return [request(name, model="m") for name in names]


def failed(rows: list[Answer]) -> list[str]:
    return [asked.class_name for asked, response in rows if response.status == "failed"]


def test_answer__asks_a_chunk_a_call_and_reads_no_further(engine):
    read = []

    def requests():
        for one in things(7, "m"):
            read.append(one.class_name)
            yield one

    async def counts_read() -> list[int]:
        rows = VLLMProvider("m", chunk=3).answer(requests(), Budget())
        return [len(read) async for _ in rows]

    assert asyncio.run(counts_read()) == [3, 3, 3, 6, 6, 6, 7]
    assert [len(call) for call in engine.calls] == [3, 3, 1]


def test_answer__halves_a_call_that_fails_until_the_reason_is_alone(engine):
    rows = answers(VLLMProvider("m"), named("a", "b", "c", "bad", "e", "f", "g", "h"))
    assert failed(rows) == ["bad"]
    assert len(rows) == 8
    assert len(engine.calls) == 7  # 8, 4, 2, 2, 1, 1, 4
    (error,) = [response.error for _, response in rows if response.error]
    assert error == "vllm, model 'm': wanted a reply, got a request that vLLM does not take"


def test_answer__never_submits_a_prompt_that_does_not_fit(engine):
    assert failed(answers(VLLMProvider("m"), named("a", "long", "c"))) == ["long"]
    assert engine.calls == [["a", "c"]]


def test_answer__gives_up_when_not_one_of_the_first_chunk_is_answered(engine):
    rows: list[Answer] = []

    async def collect() -> None:
        async for row in VLLMProvider("m", chunk=2).answer(named("long", "bad", "c"), Budget()):
            rows.append(row)

    with pytest.raises(UpstreamError, match="wanted an answer to one of the first 2 requests"):
        asyncio.run(collect())
    assert failed(rows) == ["long", "bad"]


def test_answer__tells_of_each_failure_once(engine):
    faults: list[str] = []
    answers(VLLMProvider("m", on_fault=faults.append), named("a", "long", "bad"))
    assert len(faults) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fatal", "reason"), [("deadly", "no memory"), ("silent", "a process that ended")]
)
def test_answer__yields_what_there_is_before_it_says_that_the_engine_died(engine, fatal, reason):
    rows: list[Answer] = []
    budget = Budget()

    async def collect() -> None:
        async for row in VLLMProvider("m", chunk=2).answer(named("a", "b", fatal, "d"), budget):
            rows.append(row)

    with pytest.raises(UpstreamError, match=f"wanted an engine that lives, got .*{reason}"):
        asyncio.run(collect())
    assert [asked.class_name for asked, _ in rows] == ["a", "b"]
    assert budget.tokens == 2 * 15 + sum(most(one).tokens for one in named(fatal, "d"))


def test_answer__stops_at_the_cap_on_requests(engine):
    budget = Budget(Caps(requests=5))
    assert len(answers(VLLMProvider("m", chunk=3), things(9, "m"), budget)) == 5
    assert budget.reached == "--max-requests"
    assert (budget.requests, budget.tokens) == (5, 5 * 15)


def test_answer__goes_on_when_what_was_set_aside_was_not_used(engine):
    at_most = most(things(1, "m")[0]).tokens
    budget = Budget(Caps(tokens=3 * at_most))
    rows = answers(VLLMProvider("m", chunk=100), things(90, "m"), budget)
    assert [len(call) for call in engine.calls][:2] == [3, 2]  # 3 at their most, then room for 2
    assert budget.reached == "--max-tokens"
    assert 3 * at_most - at_most < len(rows) * 15 <= 3 * at_most


def test_answer__pays_nothing_for_what_was_turned_away(engine):
    budget = Budget()
    answers(VLLMProvider("m"), named("a", "long", "bad"), budget)
    assert budget.tokens == 15


def test_prefix_cache_hit_rate__is_a_share_of_all_prompt_tokens(engine):
    provider = VLLMProvider("m")
    assert provider.prefix_cache_hit_rate is None
    answers(provider, things(5, "m"))
    assert provider.prefix_cache_hit_rate == 4 / 10


def test_aclose__closes_a_loaded_engine_once_and_may_be_called_again(engine):
    provider = VLLMProvider("m")
    answers(provider, things(1, "m"))
    asyncio.run(provider.aclose())
    asyncio.run(provider.aclose())
    assert engine.closed == 1
