"""A real engine on a CPU writes schema-bound noise; ``.ci/vllm`` installs what this needs."""

import asyncio
import json
import multiprocessing
import re
import time

import pytest

from langseg.cache.errors import UpstreamError, UsageError
from langseg.cache.records import Response
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.budget import Budget, Caps
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.tiny_llama import CONTEXT, ENGINE
from tests.support.vllm_requests import UNSUPPORTED, WHOLE_REPLY, answers, request, things

pytest.importorskip("vllm", reason="vLLM is not installed; .ci/vllm tests it")
pytestmark = pytest.mark.filterwarnings("default")  # vLLM's own are many


def test_answer__keeps_the_schema_of_each_request(provider, model):
    one_phrase = json.loads(things(1, model)[0].schema_json)
    one_phrase["properties"]["attributes"].update(minItems=1, maxItems=1)
    asked = [*things(20, model), request("lamp", model=model, schema=one_phrase)]
    rows = answers(provider, asked)
    assert [one for one, _ in rows] == asked
    assert {response.status for _, response in rows} == {"ok"}
    for one, response in rows:
        reply = json.loads(response.raw_text)
        assert list(reply) == ["attributes"]
        assert len(reply["attributes"]) == (1 if one.class_name == "lamp" else 3)
        for phrase in reply["attributes"]:
            assert phrase["slot"] in ("shape", "colour")
            assert len(phrase["text"]) <= 12
        assert response.raw_text == json.dumps(reply, ensure_ascii=False, separators=(",", ":"))


def test_answer__records_what_the_reply_took(provider, model):
    ((_, response),) = answers(provider, things(1, model))
    assert response.served_model == model
    assert re.fullmatch(r"vllm-\d.*", response.system_fingerprint)
    assert response.finish_reason == "stop"
    n_prompt, n_reply, n_cached = tokens(response)
    assert n_prompt > n_cached >= 0
    assert 0 < n_reply <= WHOLE_REPLY
    assert 0 < response.latency_s < 30
    assert response.cost_usd is None


def test_answer__samples_by_the_requests_own_parameters(provider, model):
    greedy, same = (answers(provider, things(1, model, temperature=0)) for _ in range(2))
    seeded = [answers(provider, things(1, model, seed=seed, top_k=0)) for seed in (1, 1, 2)]
    assert text(greedy) == text(same)
    assert text(seeded[0]) == text(seeded[1]) != text(seeded[2])


def test_answer__leaves_null_to_the_models_own_default(provider, model):
    default = answers(provider, things(1, model, temperature=None, top_k=None, seed=5))
    likeliest = answers(provider, things(1, model, temperature=0))
    assert text(default) == text(likeliest)  # generation_config.json says top_k 1


def test_answer__fills_the_context_where_a_reply_has_no_limit(provider, model):
    endless = {"type": "array", "items": {"type": "string"}, "minItems": 5000}
    ((_, response),) = answers(
        provider, things(1, model, schema=endless, max_completion_tokens=None)
    )
    assert response.status == "truncated"
    assert sum(tokens(response)[:2]) == CONTEXT


def test_answer__says_that_a_reply_was_cut(provider, model):
    ((_, response),) = answers(provider, things(1, model, max_completion_tokens=8))
    assert (response.status, response.finish_reason) == ("truncated", "length")
    assert response.completion_tokens == 8
    assert "raise --max-completion-tokens" in response.error


def test_answer__fails_a_prompt_that_is_too_long_alone(provider, model):
    long = request("long", model=model, text="word " * 3000)
    rows = answers(provider, [*things(3, model), long, request("last", model=model)])
    assert [one.class_name for one, response in rows if response.status == "failed"] == ["long"]
    assert len(rows) == 5
    (error,) = [response.error for _, response in rows if response.error]
    assert re.search(r"got a prompt of \d+ and a reply of up to 250 tokens, where .* 2048", error)


def test_answer__takes_the_longest_prompt_that_fits_and_none_longer(provider, model):
    ((_, response),) = answers(provider, things(1, model, max_completion_tokens=8))
    room = CONTEXT - tokens(response)[0]
    fits, does_not = (things(1, model, max_completion_tokens=room + n)[0] for n in (0, 1))
    statuses = {one: response.status for one, response in answers(provider, [fits, does_not])}
    assert statuses == {fits: "ok", does_not: "failed"}


@pytest.mark.parametrize(
    "poison", [{"schema": UNSUPPORTED}, {"temperature": -1}, {"max_completion_tokens": 0}]
)
def test_answer__fails_what_vllm_does_not_take_alone(provider, model, poison):
    asked = things(7, model)
    asked.insert(4, request("poisoned", model=model, **poison))
    rows = answers(provider, asked)
    assert [one.class_name for one, response in rows if response.status != "ok"] == ["poisoned"]
    assert len(rows) == 8
    (error,) = [response.error for _, response in rows if response.error]
    assert "got a request that vLLM does not take: " in error


def test_answer__stops_at_the_budget(provider, model):
    budget = Budget(Caps(requests=11))
    rows = answers(provider, things(30, model), budget)
    assert len(rows) == 11
    assert budget.reached == "--max-requests"
    used = [
        (response.prompt_tokens or 0) + (response.completion_tokens or 0) for _, response in rows
    ]
    assert budget.tokens == sum(used)


def test_prefix_cache_hit_rate__tells_that_prompts_share_their_beginning(model, provider):
    rows = answers(provider, things(16, model))
    assert all(tokens(response)[2] > 0 for _, response in rows[8:])
    assert provider.prefix_cache_hit_rate > 0.5


def test_answer__says_that_the_engine_was_killed_after_what_was_answered(model):
    provider = VLLMProvider(model, chunk=4, engine=ENGINE)
    before = set(multiprocessing.active_children())
    rows: list[Answer] = []

    async def collect() -> None:
        try:
            async for row in provider.answer(things(12, model, max_completion_tokens=60), Budget()):
                rows.append(row)
                if len(rows) == 4:
                    (engine,) = set(multiprocessing.active_children()) - before
                    engine.kill()
        finally:
            await provider.aclose()

    started = time.monotonic()
    with pytest.raises(UpstreamError, match="wanted an engine that lives"):
        asyncio.run(collect())
    assert len(rows) == 4
    assert time.monotonic() - started < 120
    assert set(multiprocessing.active_children()) == before


def test_aclose__leaves_no_process_of_an_engine_that_is_being_loaded(model):
    provider = VLLMProvider(model, engine=ENGINE)
    before = set(multiprocessing.active_children())

    async def cancel_while_it_loads() -> None:
        rows = provider.answer(things(1, model), Budget())
        asking = asyncio.ensure_future(anext(rows))
        while set(multiprocessing.active_children()) == before:
            await asyncio.sleep(0.1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await provider.aclose()

    asyncio.run(asyncio.wait_for(cancel_while_it_loads(), 120))
    assert set(multiprocessing.active_children()) == before


def test_answer__says_in_one_sentence_that_a_model_cannot_be_loaded(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        name = str(folder)
        with pytest.raises(UsageError, match=r"wanted a model that it can load, got [^\n]*"):
            answers(VLLMProvider(name, engine=ENGINE), things(1, name), close=True)


def tokens(response: Response) -> tuple[int, int, int]:
    """Of the prompt, of the reply, of the prompt from the cache."""
    n_prompt, n_reply = response.prompt_tokens, response.completion_tokens
    assert n_prompt is not None
    assert n_reply is not None
    assert response.cached_tokens is not None
    return n_prompt, n_reply, response.cached_tokens


def text(rows: list[Answer]) -> str:
    ((_, response),) = rows
    return response.raw_text
