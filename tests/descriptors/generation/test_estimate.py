"""What a plan would take is a range that holds what it does take, before anything is asked."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.cache.records import Request
from langseg.descriptors.generation.estimate import TOKENS_PER_SECOND, PlanEstimate, Range, estimate
from langseg.descriptors.generation.settled import Settled, with_longer_reply
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plan import Plan, plan_of
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.providers.budget import Price, most
from langseg.descriptors.providers.bundled import BundledProvider, pack_reply
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

LIMIT = {"temperature": None, "max_completion_tokens": 2048}
PRICE = Price(prompt=0.20, cached=0.02, completion=1.25)
# cl100k, o200k and DeepSeek's tokenizer, at 10 attributes, 4 subclasses of 2 and 3 of a scene
MEASURED = {"compact": (330, 334, 358), "spaced": (420, 418, 438), "indented": (572, 570, 580)}
MEASURED_OF_A_SCENE = {"compact": (46, 46, 50), "spaced": (57, 57, 60), "indented": (80, 80, 81)}
MEASURED_PROMPT = (938, 970)  # the texts alone; and with the schema 1,160 to 1,223


def ade20k(samples: int = 1, **counts: int) -> Plan:
    usual = {"n_attributes": 10, "n_subclasses": 4, "n_per_subclass": 2, "n_scene_attributes": 3}
    prompt = some_prompt(**{**usual, **counts})
    return describe_requests(load_vocabulary("ade20k"), prompt, "m", LIMIT, samples)


def within(span: Range, *measured: float) -> bool:
    return all(span.least <= one <= span.most for one in measured)


def only(plan: Plan, scene: str) -> Plan:
    return plan_of(
        lambda: (request for request in plan if (request.scene == "*") == (scene == "*"))
    )


def each(found: PlanEstimate, span: Range) -> Range:
    return Range(**{name: value / found.to_ask for name, value in asdict(span).items()})


@pytest.mark.slow
@pytest.mark.parametrize(("scene", "measured"), [("*", MEASURED), ("", MEASURED_OF_A_SCENE)])
def test_reply_tokens__hold_what_tokenizers_count_in_the_bundled_replies(
    scene: str, measured: dict[str, tuple[int, ...]]
):
    found = estimate(only(ade20k(), scene), Settled(), price=None)
    reply = each(found, found.completion_tokens)
    assert within(reply, *(n for counts in measured.values() for n in counts))
    assert min(measured["compact"]) < reply.likely < max(measured["indented"])
    assert reply.likely == pytest.approx(measured["spaced"][0], rel=0.1)
    assert reply.most == 2048


def test_prompt_tokens__hold_what_tokenizers_count_with_and_without_the_schema():
    found = estimate(only(ade20k(), "*"), Settled(), price=None)
    prompt = each(found, found.prompt_tokens)
    assert within(prompt, *MEASURED_PROMPT, 1160, 1223)
    assert MEASURED_PROMPT[0] < prompt.likely < 1223
    assert prompt.most / prompt.least < 2


@pytest.mark.slow
def test_likely_reply__is_about_as_long_as_the_bundled_packs_reply():
    vocabulary = load_vocabulary("ade20k")
    bundled = BundledProvider(vocabulary)
    entries = bundled._entries
    plan = ade20k()
    sent = [len(pack_reply(entries[r.class_name], r).encode()) / 3.6 for r in plan]
    found = estimate(plan, Settled(), price=None)
    assert found.completion_tokens.likely == pytest.approx(sum(sent), rel=0.1)


def test_most__is_what_a_budget_sets_aside():
    plan = ade20k(samples=2)
    found = estimate(plan, Settled(), price=PRICE)
    holds = [most(request) for request in plan]
    assert found.prompt_tokens.most == sum(hold.prompt_tokens for hold in holds)
    assert found.completion_tokens.most == sum(hold.completion_tokens for hold in holds)
    assert found.cost_usd is not None
    assert found.cost_usd.most == pytest.approx(
        sum(PRICE.cost_usd(hold.prompt_tokens, hold.completion_tokens) for hold in holds)
    )


@pytest.mark.slow
def test_cost__is_a_range_from_a_cached_prompt_to_the_reply_limit_and_none_when_unknown():
    found = estimate(ade20k(), Settled(), price=PRICE)
    cost, prompt, reply = found.cost_usd, found.prompt_tokens, found.completion_tokens
    assert cost is not None
    assert cost.least == pytest.approx((prompt.least * 0.02 + reply.least * 1.25) / 1e6)
    assert cost.likely == pytest.approx((prompt.likely * 0.20 + reply.likely * 1.25) / 1e6)
    assert cost.least < cost.likely < cost.most
    dear = estimate(ade20k(), Settled(), price=replace(PRICE, cached=9.0)).cost_usd
    none = estimate(ade20k(), Settled(), price=replace(PRICE, cached=None)).cost_usd
    assert dear is not None
    assert none is not None
    assert dear.least == none.least
    assert estimate(ade20k(), Settled(), price=None).cost_usd is None


@pytest.mark.slow
def test_answered_requests__cost_nothing_and_are_the_cached_share():
    plan, seen = ade20k(), Settled()
    for number, request in enumerate(plan):
        if number % 3 == 0:
            seen.note(request.request_key, "ok")
    found = estimate(plan, seen, price=PRICE)
    assert (found.requests, found.cached, found.to_ask) == (850, 284, 566)
    assert found.cached_share == pytest.approx(284 / 850)
    left = plan_of(lambda: (r for n, r in enumerate(plan) if n % 3))
    assert replace(found, requests=566, cached=0, cached_share=0.0) == estimate(
        left, Settled(), price=PRICE
    )


@pytest.mark.slow
def test_cut_request__counts_with_the_longer_reply_that_it_is_asked_with():
    plan, seen = plan_of(lambda: iter([next(iter(ade20k()))])), Settled()
    request = next(iter(plan))
    seen.note(request.request_key, "truncated")
    longer = with_longer_reply(request)
    assert longer is not None
    assert estimate(plan, seen, price=None).completion_tokens.most == 2 * 2048


@pytest.mark.slow
def test_only_failed__counts_what_was_asked_in_vain():
    plan, seen = ade20k(), Settled()
    first, second, *_ = plan
    seen.note(first.request_key, "ok")
    seen.note(second.request_key, "failed")
    found = estimate(plan, seen, price=None, only_failed=True)
    assert (found.requests, found.to_ask, found.cached) == (1, 1, 0)


@pytest.mark.slow
def test_gpu_hours__are_reply_tokens_by_throughput_and_for_local_models_only():
    slow, fast = TOKENS_PER_SECOND
    found = estimate(ade20k(), Settled(), price=None, local=True)
    assert found.gpu_hours is not None
    assert found.gpu_hours.least == pytest.approx(found.completion_tokens.least / fast / 3600)
    assert found.gpu_hours.most == pytest.approx(found.completion_tokens.most / slow / 3600)
    assert found.gpu_hours.least < found.gpu_hours.likely < found.gpu_hours.most
    known = estimate(ade20k(), Settled(), price=None, local=True, tokens_per_second=100.0)
    assert known.gpu_hours is not None
    assert known.gpu_hours.likely == pytest.approx(known.completion_tokens.likely / 100 / 3600)
    assert estimate(ade20k(), Settled(), price=None).gpu_hours is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_throughput__must_be_one(wrong: float):
    with pytest.raises(UsageError, match="tokens per second: wanted a number above 0"):
        estimate(ade20k(), Settled(), price=None, local=True, tokens_per_second=wrong)


def test_provider_that_asks_no_llm__uses_no_tokens_and_costs_nothing():
    found = estimate(ade20k(), Settled(), price=None, asks_llm=False, local=True)
    nothing = Range(least=0, likely=0, most=0)
    assert (found.requests, found.to_ask) == (850, 850)
    assert found.prompt_tokens == found.completion_tokens == found.cost_usd == nothing
    assert found.gpu_hours is None


def test_empty_plan__takes_nothing():
    found = estimate(Plan(lambda: iter(()), 0), Settled(), price=PRICE, local=True)
    assert (found.requests, found.cached_share) == (0, 0.0)
    assert found.cost_usd == Range(least=0.0, likely=0.0, most=0.0)


def test_request_without_a_reply_limit__is_bounded_by_its_schema():
    vocabulary = Vocabulary(
        name="v", classes=(ClassEntry(name="wall", id=1),), ignore_ids=(), scenes={}
    )
    plan = describe_requests(vocabulary, some_prompt(), "m", {})
    reply = estimate(plan, Settled(), price=None).completion_tokens
    assert reply.likely < reply.most < 8 * 80 + 4 * (2 * 64 + 80)


@pytest.mark.slow
def test_estimate__reads_the_plan_once_and_keeps_none_of_it():
    made = []

    def requests() -> Iterator[Request]:
        made.append(1)
        return iter(ade20k(samples=20))

    found = estimate(Plan(requests, 850 * 20), Settled(), price=None)
    assert (found.requests, made) == (17_000, [1])


def test_estimate__is_json():
    found = estimate(ade20k(), Settled(), price=PRICE, local=True)
    assert json.loads(json.dumps(asdict(found)))["prompt_tokens"]["most"] > 0


@pytest.mark.slow
@given(
    names=st.lists(
        st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=64),
        min_size=1, max_size=5, unique=True,
    ),
    counts=st.tuples(
        st.integers(1, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50)
    ),
    limit=st.one_of(st.none(), st.integers(1, 100_000)),
    samples=st.integers(1, 3),
)  # fmt: skip
def test_every_range__is_in_order_and_grows_with_the_plan(
    names: list[str], counts: tuple[int, int, int, int], limit: int | None, samples: int
):
    kinds = ("n_attributes", "n_subclasses", "n_per_subclass", "n_scene_attributes")
    prompt = some_prompt(**dict(zip(kinds, counts, strict=True)))
    classes = tuple(ClassEntry(name=name, id=n) for n, name in enumerate(names))
    vocabulary = Vocabulary(
        name="v", classes=classes, ignore_ids=(), scenes={"kitchen": (names[0],)}
    )
    params = {"max_completion_tokens": limit}
    plan = describe_requests(vocabulary, prompt, "m", params, samples)
    plausible = plan_of(lambda: plausible_requests(names, ["kitchen"], "m", params))
    found = estimate(plan, Settled(), price=PRICE, local=True)
    both = estimate(plan + plausible, Settled(), price=PRICE, local=True)
    assert both.requests == found.requests + 1
    for one, more in (
        (found.prompt_tokens, both.prompt_tokens),
        (found.completion_tokens, both.completion_tokens),
        (found.cost_usd, both.cost_usd),
        (found.gpu_hours, both.gpu_hours),
    ):
        assert one is not None
        assert more is not None
        assert 0 < one.least <= one.likely <= one.most
        assert more.least > one.least
        assert more.likely > one.likely
        assert more.most > one.most
