"""What an error means follows from its status, or from its words where those know better."""

import math
from typing import Any

import pytest

from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.openai_api.fault import fault_of, status_fault

AWAY, STOPS, FAILS, AGAIN = "turned away", "stops the run", "fails at once", "is tried again"


def outcome(status: int, body: Any, **headers: str) -> str:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    fault = status_fault(status, body, told, "http://llm.example/v1/chat/completions")
    if fault.remedy:
        return STOPS
    return AWAY if fault.turned_away else AGAIN if fault.retry else FAILS


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (429, "", AWAY),
        (503, '{"error": {"message": "Loading model", "code": 503}}', AWAY),  # llama.cpp
        (503, '{"error": "server busy, please try again.  maximum pending requests"}', AWAY),
        (503, "<title>Service Unavailable</title>", AWAY),
        (502, "<title>Bad Gateway</title>", AWAY),
        (529, '{"type": "error", "error": {"type": "overloaded_error"}}', AWAY),
        (429, '{"error": "Model is overloaded", "error_type": "overloaded"}', AWAY),  # TGI
        (500, '{"error": "model is still loading"}', AWAY),
        (400, '{"error": "Model is loading, not yet ready"}', AWAY),
        (403, '{"error": {"errors": [{"reason": "rateLimitExceeded", "message": "x"}]}}', AWAY),
        (500, '{"error": "error loading model: out of memory"}', AGAIN),
        (500, "", AGAIN),
        (504, "<title>Gateway Time-out</title>", AGAIN),
        (408, '{"error": "slow"}', AGAIN),
        (400, '{"error": "bad"}', FAILS),
        (422, '{"detail": "bad"}', FAILS),
        (429, '{"error": {"message": "Request too large for m on tokens per min: 3"}}', FAILS),
        (429, '{"error": {"message": "x", "code": "insufficient_quota"}}', STOPS),
        (429, '{"error": {"message": "x", "type": "exceeded_current_quota_error"}}', STOPS),
        (400, '{"error": {"message": "Your credit balance is too low to access"}}', STOPS),
        (402, '{"error": {"message": "Insufficient Balance"}}', STOPS),
        (400, '[{"error": {"message": "API key not valid. Please pass one."}}]', STOPS),  # Gemini
        (401, "", STOPS),
        (403, "<title>Attention Required! | Cloudflare</title>", STOPS),
        (404, '{"error": "model \\"qwen\\" not found, try pulling it first"}', STOPS),
        (405, "", STOPS),
        (0, {"message": "x", "code": "429"}, AWAY),
        (0, {"message": "x", "code": "rate_limit_exceeded"}, AWAY),
        (0, {"message": "x", "status": "RESOURCE_EXHAUSTED"}, AWAY),
        (0, {"message": "x", "status": "UNAVAILABLE"}, AWAY),
        (0, "rate limit exceeded, slow down", AWAY),
        (0, {"message": "x", "code": "invalid_api_key"}, STOPS),
        (0, {"message": "x", "type": "invalid_request_error"}, FAILS),
        (0, "the model crashed", AGAIN),
    ],
)
def test_status_fault__means_what_the_server_means(status, body, means):
    assert outcome(status, body) == means


def test_status_fault__a_server_that_wants_no_retry_gets_none():
    assert outcome(503, "", x_should_retry="false") == FAILS


@pytest.mark.parametrize(
    ("body", "headers", "wait_s"),
    [
        ('{"error": {"message": "try again in 20s"}}', {}, 20),
        ('{"error": {"message": "try again in 20s"}}', {"retry-after": "7"}, 7),
        ('{"error": {"message": "Limit of tokens per day (TPD). Try again in 9m"}}', {}, 540),
        ('{"error": {"message": "Rate limit exceeded: free-models-per-day"}}', {}, math.inf),
        (
            '[{"error": {"details": [{"violations": [{"quotaId": "RequestsPerDay-FreeTier"}]}, '
            '{"retryDelay": "18s"}], "message": "x"}}]',
            {},
            math.inf,
        ),
        ('{"error": {"message": "slow down"}}', {}, None),
    ],
)
def test_status_fault__knows_how_long_to_wait_and_a_limit_of_the_day(body, headers, wait_s):
    assert status_fault(429, body, headers).wait_s == wait_s


@pytest.mark.parametrize(
    ("status", "body", "url", "advice"),
    [
        (404, '{"detail": "Not Found"}', "http://h/chat/completions", "add /v1 to the base URL"),
        (404, "404 page not found", "http://h/chat/completions", "add /v1 to the base URL"),
        (404, '{"detail": "Not Found"}', "http://h/v1/chat/completions", "check the base URL"),
        (404, '{"error": "model x not found"}', "http://h/chat/completions", "the model's name"),
        (405, "<title>405</title>", "http://h/v1/chat/completions", "check the base URL"),
        (403, '{"error": "no"}', "http://h/v1/chat/completions", "may use this model"),
        (403, "<title>Access denied</title>", "http://h/v1/chat/completions", "a firewall"),
    ],
)
def test_status_fault__says_which_part_to_mend(status, body, url, advice):
    assert advice in status_fault(status, body, {}, url).remedy


@pytest.mark.parametrize(
    ("status", "body", "unproven"),
    [
        (500, "Internal Server Error", True),
        (400, "<title>Bad Request</title>", True),
        (500, '{"error": "it crashed"}', False),
        (400, '{"detail": "no"}', False),
        (429, "<title>Too many</title>", False),
        (503, "", False),
        (504, "", False),
    ],
)
def test_status_fault__only_pages_and_plain_text_leave_the_address_in_doubt(status, body, unproven):
    fault = status_fault(status, body, {}, "http://h/v1/chat/completions")
    assert fault.unproven == unproven
    assert ("base URL" in fault.hint) == (unproven or not body.startswith("{"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"code": 429, "message": "slow down"}, "HTTP 429: slow down"),
        ({"code": "503", "message": "busy"}, "HTTP 503: busy"),
        ({"code": "odd", "message": "it broke"}, "an error: it broke"),
        ("it broke", "an error: it broke"),
    ],
)
def test_fault_of__an_error_in_a_reply_acts_as_its_status(body, message):
    assert fault_of(ErrorReplyError(body)).message == message


def test_fault_of__an_error_without_words_has_its_statuss_name():
    assert status_fault(503, "", {}).message == "HTTP 503 (Service Unavailable)"
    assert status_fault(599, "", {}).message == "HTTP 599"


def test_error_in_the_middle_of_a_reply__is_that_requests_own():
    body = {"code": 502, "message": "Upstream idle timeout"}
    outright, begun = (fault_of(ErrorReplyError(body, begun=value)) for value in (False, True))
    assert (outright.turned_away, begun.turned_away) == (True, False)
    assert (begun.retry, begun.unread, begun.message) == (True, False, outright.message)


@pytest.mark.parametrize("words", ["model 'm' not found, try pulling it first", "No such model: m"])
def test_text_in_an_error_field__is_an_apis_own_and_may_name_the_model(words):
    fault = fault_of(ErrorReplyError(words))
    assert (fault.unproven, fault.retry, fault.remedy) == (False, False, "check the model's name")
