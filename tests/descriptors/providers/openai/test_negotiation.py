"""Against a real server with an accent: its form is found once a run, and noted in each row."""

from dataclasses import replace

import pytest

from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.providers.budget import Budget, Caps
from tests.support.asking import ask, requests
from tests.support.openai_server import OpenAIServer

PARAMS = '{"max_completion_tokens":512,"temperature":0.5}'
LIMITED = [replace(one, params_json=PARAMS) for one in requests(6)]


@pytest.mark.parametrize(
    ("dialect", "refused", "spoken"),
    [
        ("no_json_schema", 1, "json_object, schema in the prompt"),
        ("no_json_schema+no_json_object", 2, "text, schema in the prompt"),
        ("no_response_format", 2, "text, schema in the prompt"),
        ("no_keyword=minItems", 1, "json_schema without minItems"),
        ("no_keyword=maxItems+no_keyword=maxLength", 2, "json_schema without maxItems maxLength"),
        ("no_counts", 1, "json_schema without maxItems maxLength minItems minLength"),
        ("no_new_limit", 1, "json_schema, max_tokens"),
        ("no_new_limit+no_json_schema", 2, "json_object, schema in the prompt, max_tokens"),
        ("no_system", 1, "json_schema, no system message"),
        ("no_reason", 3, "json_object, schema in the prompt, max_tokens"),
    ],
)
def test_server_with_an_accent__is_answered_once_its_form_is_found(dialect, refused, spoken):
    budget, told = Budget(), list[str]()
    with OpenAIServer(always=f"strict:{dialect}") as server:
        responses, error = ask(server, LIMITED, budget=budget, on_fault=told.append)
    assert error is None
    assert len(told) == refused
    assert told[-1].endswith(f"; from here on asked as {spoken}")
    assert [(r.status, r.dialect) for r in responses] == [("ok", spoken)] * 6
    assert len(server.bodies) == budget.requests == 6 + refused
    assert sorted(r.request_key for r in responses) == sorted(r.request_key for r in LIMITED)
    planned = {one.request_key: one for one in LIMITED}
    assert {parse_reply(r.raw_text, planned[r.request_key]).status for r in responses} == {"ok"}


@pytest.mark.parametrize(
    "behaviour",
    [
        "streamed", "streamed:unless_told", 'message:{"content": null, "reasoning_content": "%s"}',
        'message:{"content": [{"type": "text", "text": "%s"}]}',
        "around:<think>plan {it}</think>\n```json\n%s\n```<|im_end|>",
    ],
)  # fmt: skip
def test_reply_in_another_shape__is_read_at_the_first_asking(behaviour):
    (request,) = requests(1)
    with OpenAIServer(always=behaviour) as server:
        (response,), error = ask(server, [request])
    assert (response.status, error, len(server.bodies)) == ("ok", None, 1)
    assert parse_reply(response.raw_text, request).status == "ok"
    assert (response.finish_reason, response.served_model) == ("stop", "m-2026-01-01")
    assert response.prompt_tokens


def test_error_with_status_200__about_the_form_is_a_refusal_of_it():
    words = "json_schema is not supported"
    with OpenAIServer(nth={0: f"error_in_200:{words}"}) as server:
        (response,), error = ask(server, requests(1))
    assert (response.status, error, len(server.bodies)) == ("ok", None, 2)
    assert response.dialect == "json_object, schema in the prompt"


def test_request_that_is_asked_again__keeps_its_form_while_the_server_is_busy():
    (request,) = requests(1)
    busy = dict.fromkeys((1, 2), "rate_limit:retry-after-ms=10")
    with OpenAIServer(nth=busy) as server:
        _, second = ask(server, [request, request], max_concurrency=1)[0]
    assert (second.status, second.dialect) == ("ok", "json_schema, schema in the prompt")


def test_requests_under_way_when_the_form_changes__go_again_without_a_failed_attempt():
    """As behind a gateway one of whose servers speaks another dialect."""
    nth = dict.fromkeys(range(8, 20), "strict:no_json_schema")
    with OpenAIServer(nth=nth, delay_s=0.05) as server:
        responses, error = ask(server, requests(60), max_attempts=1)
    assert ([r.status for r in responses], error) == (["ok"] * 60, None)
    assert {r.dialect for r in responses} == {"json_schema", "json_object, schema in the prompt"}
    assert len(server.bodies) > 61  # several were under way


def test_no_form__helps_and_the_words_are_those_of_the_first_refusal():
    dialect = "no_counts+no_json_schema+no_response_format"
    lost = dict.fromkeys((3, 4), "says:400 Bad Request")
    with OpenAIServer(always=f"strict:{dialect}", nth=lost) as server:
        responses, _ = ask(server, requests(1))
    assert [r.status for r in responses] == ["failed"]
    assert "too many repetitions" in responses[0].error
    assert len(server.bodies) == 5


def test_refusal_of_something_else__in_a_lower_form_is_quoted_and_the_form_stays():
    words = "400 'temperature' does not support 0.5 with this model"
    with OpenAIServer(nth={0: "strict:no_json_schema", 1: f"says:{words}"}) as server:
        responses, error = ask(server, requests(2))
    assert responses == []
    assert "does not support 0.5" in str(error)
    assert "leave --temperature out" in str(error)
    nth = {0: "strict:no_json_schema", 1: "says:400 content policy"}
    with OpenAIServer(nth=nth, always="strict:no_json_schema") as server:
        responses, error = ask(server, requests(3))
    assert error is None
    assert sorted(r.status for r in responses) == ["failed", "ok", "ok"]
    assert len(server.bodies) == 4


def test_budget__counts_each_form_that_was_tried():
    budget = Budget(Caps(requests=2))
    with OpenAIServer(always="strict:no_response_format") as server:
        responses, error = ask(server, requests(3), budget=budget)
    assert (responses, error, budget.reached) == ([], None, "--max-requests")
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("400 'temperature' does not support 0.5 with this model", "leave --temperature out"),
        ("413 Limit 3000 tokens, Requested 3412", "lower --max-completion-tokens, now 512"),
        ("429 Limit 3000, Requested 3412", "lower --max-completion-tokens, now 512"),
    ],
)
def test_setting_that_no_request_can_have__ends_the_run_and_names_its_flag(words, advice):
    with OpenAIServer(always=f"says:{words}") as server:
        responses, error = ask(server, LIMITED)
    assert responses == []
    assert advice in str(error)
    assert words.partition(" ")[2] in str(error)
    assert "base URL" not in str(error)
    assert len(server.bodies) == 1


def test_setting_that_one_request_cannot_have__fails_that_one_with_the_flag_named():
    with OpenAIServer(nth={2: "says:413 Limit 3000 tokens, Requested 3412"}) as server:
        responses, error = ask(server, LIMITED)
    assert error is None
    (failed,) = (r for r in responses if r.status == "failed")
    assert "lower --max-completion-tokens" in failed.error


@pytest.mark.parametrize(
    ("dialect", "again"),
    [
        ("no_json_object", "json_schema, schema in the prompt"),
        ("no_keyword=minItems", "json_object, schema in the prompt"),
        ("no_keyword=minItems+no_json_object", "json_schema without minItems"),
    ],
)
def test_request_that_is_asked_again_after_an_answer__is_told_the_schema_in_words(dialect, again):
    (request,) = requests(1)
    with OpenAIServer(always=f"strict:{dialect}") as server:
        first, second = ask(server, [request, request], max_concurrency=1)[0]
    assert "in the prompt" not in first.dialect
    assert (second.status, second.dialect) == ("ok", again)
