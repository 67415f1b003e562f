"""Which answers end the asking: an accepted one always, unusable ones after bounded tries."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.keys import request_key
from langseg.cache.records import Request
from langseg.descriptors.generation.settled import (
    LONGER_REPLIES,
    MAX_UNUSABLE,
    Settled,
    with_longer_reply,
)
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plan import REPLY_LIMIT
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

unhurried = settings(max_examples=80, deadline=None)
UNUSABLE = ("invalid", "refused", "empty")
STATUSES = ("ok", "truncated", "failed", *UNUSABLE)
LIMIT = 100


def planned(**params: object) -> Request:
    vocabulary = Vocabulary(
        name="v", classes=(ClassEntry(name="caf\u00e9", id=1),), ignore_ids=(), scenes={}
    )
    (request,) = describe_requests(vocabulary, some_prompt(), "m", {"temperature": 0.5, **params})
    return request


REQUEST = planned(max_completion_tokens=LIMIT)


def limit(request: Request | None) -> int | None:
    return None if request is None else json.loads(request.params_json)[REPLY_LIMIT]


def after(*statuses: str) -> Settled:
    found = Settled()
    for status in statuses:
        found.note(REQUEST.request_key, status)
    return found


@pytest.mark.parametrize(
    ("statuses", "to_ask"),
    [
        ((), LIMIT),
        (("ok",), None),
        (("failed",), LIMIT),
        (("failed",) * 9, LIMIT),
        (("invalid",), LIMIT),
        (("refused",), LIMIT),
        (("empty",), LIMIT),
        (("invalid", "invalid"), None),
        (("refused", "empty"), None),
        (("invalid", "failed", "empty"), None),
        (("truncated",), 2 * LIMIT),
        (("truncated", "truncated"), 2 * LIMIT),
        (("invalid", "truncated"), 2 * LIMIT),
        (("failed", "truncated"), 2 * LIMIT),
        (("truncated", "invalid", "refused"), None),
        (("truncated", "ok"), None),
    ],
)
def test_to_ask__follows_from_the_answers_there_are(statuses, to_ask):
    for order in set(itertools.permutations(statuses)):
        assert limit(after(*order).to_ask(REQUEST)) == to_ask


def test_to_ask__is_the_planned_request_itself_where_nothing_was_cut():
    assert after("invalid").to_ask(REQUEST) is REQUEST


def test_cut_reply__is_asked_for_with_twice_then_four_times_its_limit_and_no_more():
    found, asked = Settled(), []
    while (request := found.to_ask(REQUEST)) is not None:
        asked.append(limit(request))
        found.note(request.request_key, "truncated")
    assert asked == [LIMIT, 2 * LIMIT, 4 * LIMIT]


def test_cut_reply__without_a_limit_is_not_asked_for_again():
    for request in (planned(), planned(max_completion_tokens=None)):
        found = Settled()
        found.note(request.request_key, "truncated")
        assert found.to_ask(request) is None


@pytest.mark.parametrize("status", STATUSES)
def test_longer_reply__settles_the_request_that_was_planned(status):
    longer = with_longer_reply(REQUEST)
    assert longer is not None
    found = after("truncated")
    for _ in range(MAX_UNUSABLE):
        found.note(longer.request_key, status)
    wanted = {"failed": 2 * LIMIT, "truncated": 4 * LIMIT}.get(status)
    assert limit(found.to_ask(REQUEST)) == wanted


@unhurried
@given(st.lists(st.sampled_from(STATUSES), max_size=40), st.booleans())
def test_asking__ends_with_an_accepted_answer_or_after_bounded_tries(statuses, forgiven):
    """Whatever a server answers: failures aside, which a later run may ask again and again."""
    found, tries = Settled(), 0
    if forgiven:
        found.forgive()
    for status in statuses:
        request = found.to_ask(REQUEST)
        if request is None:
            break
        assert request.sample_index == REQUEST.sample_index
        found.note(request.request_key, status)
        tries += status != "failed"
        if status == "ok":
            assert found.to_ask(REQUEST) is None
            found.note(REQUEST.request_key, "failed")
            assert found.to_ask(REQUEST) is None
    limits = 1 + LONGER_REPLIES * (2 if forgiven else 1)
    assert tries <= limits * MAX_UNUSABLE


@unhurried
@given(st.lists(st.sampled_from(STATUSES), max_size=8), st.randoms(use_true_random=False))
def test_answers__count_alike_in_every_order(statuses, chance):
    shuffled = list(statuses)
    chance.shuffle(shuffled)
    assert after(*shuffled).to_ask(REQUEST) == after(*statuses).to_ask(REQUEST)
    assert after(*shuffled).was_asked(REQUEST) == after(*statuses).was_asked(REQUEST)


@pytest.mark.parametrize("statuses", [("invalid",) * 2, ("invalid", "refused", "empty")])
def test_forgive__gives_unusable_answers_their_tries_once_more(statuses):
    found = after(*statuses)
    found.forgive()
    for _ in range(MAX_UNUSABLE):
        assert found.to_ask(REQUEST) is REQUEST
        found.note(REQUEST.request_key, "invalid")
    assert found.to_ask(REQUEST) is None


def test_forgive__lets_what_was_cut_be_asked_for_longer():
    found = Settled()
    request: Request | None = REQUEST
    while request is not None:
        found.note(request.request_key, "truncated")
        request = found.to_ask(REQUEST)
    found.forgive()
    assert limit(found.to_ask(REQUEST)) == 2 ** (LONGER_REPLIES + 1) * LIMIT


def test_forgive__takes_no_accepted_answer_back():
    found = after("invalid", "invalid", "ok")
    found.forgive()
    assert found.to_ask(REQUEST) is None


@pytest.mark.parametrize("status", STATUSES)
def test_was_asked__is_true_of_every_answer_but_an_accepted_one(status):
    assert after(status).was_asked(REQUEST) is (status != "ok")
    assert not Settled().was_asked(REQUEST)


def test_with_longer_reply__differs_in_the_limit_and_the_key_only():
    longer = with_longer_reply(REQUEST)
    assert longer is not None
    assert longer == replace(
        REQUEST, request_key=longer.request_key, params_json=longer.params_json
    )
    assert json.loads(longer.params_json) == {
        **json.loads(REQUEST.params_json),
        REPLY_LIMIT: 2 * LIMIT,
    }
    assert longer.request_key == request_key(
        model=longer.model,
        messages=json.loads(longer.messages_json),
        params=json.loads(longer.params_json),
        schema=json.loads(longer.schema_json),
        sample_index=longer.sample_index,
    )


def test_with_longer_reply__is_the_request_that_a_plan_with_that_limit_has():
    assert with_longer_reply(REQUEST) == planned(max_completion_tokens=2 * LIMIT)
