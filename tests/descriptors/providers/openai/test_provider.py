"""Against a real server: every paid answer is kept, every fault is bounded, no key is told."""

import asyncio
import gc
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from langseg.cache.errors import UpstreamError, UsageError
from langseg.cache.records import Request
from langseg.descriptors.openai_api import rate_limits
from langseg.descriptors.openai_api.rate_limits import RateLimits
from langseg.descriptors.providers.budget import Budget, Caps, Price, most
from langseg.descriptors.providers.openai.provider import OpenAIProvider
from tests.support.asking import CANARY, ask, requests
from tests.support.children import heed_ctrl_c
from tests.support.openai_server import OpenAIServer
from tests.support.repository import ROOT
from tests.support.until import PATIENCE_S

READER = """
import asyncio, logging, sys
logging.basicConfig(level=logging.DEBUG)
from tests.support.asking import requests
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.openai.provider import OpenAIProvider
from langseg.descriptors.openai_api.rate_limits import RateLimits

async def main():
    provider = OpenAIProvider(base_url=sys.argv[1], limits=RateLimits(max_concurrency=32))
    try:
        async for _, response in provider.answer(requests(20), Budget()):
            print(response, flush=True)
    finally:
        await provider.aclose()

asyncio.run(main())
"""
READER_ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_answer__every_request_gets_its_own_reply_and_what_the_server_reported():
    with OpenAIServer() as server:
        responses, error = ask(server, requests(12))
    assert error is None
    assert sorted(r.request_key for r in responses) == sorted(r.request_key for r in requests(12))
    for response in responses:
        reply = json.loads(response.raw_text)
        assert {row["parent"] for row in reply["subclasses"]} == {response.request_key[4:]}
        assert (response.status, response.finish_reason, response.error) == ("ok", "stop", "")
        assert (response.provider, response.served_model) == ("openai", "m-2026-01-01")
        assert response.system_fingerprint == "fp_1"
        assert response.prompt_tokens
        assert response.completion_tokens
        assert response.cached_tokens == 0
        assert response.cost_usd is None
        assert response.latency_s > 0
        assert response.created_at.endswith("+00:00")


def test_answer__sends_the_schema_the_messages_and_the_parameters():
    (request,) = requests(1)
    with OpenAIServer() as server:
        ask(server, [request])
    (body,) = server.bodies
    assert body["model"] == "m"
    assert body["messages"] == json.loads(request.messages_json)
    assert body["temperature"] == 0.5
    assert "seed" not in body
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["schema"] == json.loads(request.schema_json)


def test_answer__tokens_that_are_not_reported_are_none():
    with OpenAIServer(always="no_usage") as server:
        (response,), _ = ask(
            server, requests(1), budget=Budget(price=Price(prompt=1.0, completion=2.0))
        )
    assert response.status == "ok"
    assert (response.prompt_tokens, response.completion_tokens) == (None, None)
    assert (response.cached_tokens, response.cost_usd) == (None, None)


def test_answer__with_prices_a_reply_has_a_cost():
    with OpenAIServer() as server:
        (response,), _ = ask(
            server, requests(1), budget=Budget(price=Price(prompt=1.0, completion=2.0))
        )
    tokens = (response.prompt_tokens or 0) + 2 * (response.completion_tokens or 0)
    assert response.cost_usd == pytest.approx(tokens / 1e6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("refusal", "refused"),
        ("filtered", "refused"),
        ("length", "truncated"),
        ("fenced", "ok"),
        ("decoded", "ok"),
        ("wrong_type", "ok"),
        ("extra_keys", "ok"),
        ("empty_strings", "ok"),
        ("duplicates", "ok"),
        ("huge", "ok"),
    ],
)
def test_answer__an_answer_that_was_paid_for_is_kept_and_never_asked_for_again(behaviour, status):
    with OpenAIServer(always=behaviour) as server:
        (response,), error = ask(server, requests(1))
    assert error is None
    assert response.status == status
    assert bool(response.error) == (status != "ok")
    assert bool(response.raw_text) == (behaviour != "filtered")
    assert len(server.bodies) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "behaviour",
    ["rate_limit", "status:500", "status:502", "status:503", "status:408", "status:409", "reset",
     "html", "error_200", "no_choices", "hang", "drip"],
)  # fmt: skip
def test_answer__a_fault_that_passes_is_tried_again(behaviour):
    with OpenAIServer(nth={0: behaviour, 1: behaviour}) as server:
        (response,), error = ask(server, requests(1), timeout_s=0.2)
    assert (response.status, error) == ("ok", None)
    assert len(server.bodies) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("status:500", "HTTP 500: The server had an error"),
        ("reset", "a connection that broke off"),
        ("html", "Sign in to the Wi-Fi"),
        ("no_choices", "a reply without a choice in it"),
        ("hang", "no reply in time"),
        ("drip", "no reply in time"),
    ],
)
def test_answer__a_fault_that_stays_fails_after_bounded_attempts(behaviour, reason):
    with OpenAIServer(nth={0: "good"}, always=behaviour) as server:
        limits: dict[str, Any] = {"max_attempts": 4, "timeout_s": 0.4, "max_concurrency": 1}
        (_, response), error = ask(server, requests(2), **limits)
    assert (response.status, response.raw_text, error) == ("failed", "", None)
    assert reason in response.error
    assert server.base_url in response.error
    assert len(server.bodies) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        ("html", "most end in /v1"),
        ("no_choices", "most end in /v1"),
        ("reset", "whether its port speaks https"),
        ("hang", "--request-timeout"),
    ],
)
def test_answer__an_address_that_shows_no_api_ends_the_run_after_three_attempts(behaviour, advice):
    reasons: list[str] = []
    with OpenAIServer(always=behaviour) as server:
        (response,), error = ask(server, requests(20), timeout_s=0.3, on_fault=reasons.append)
    assert response.status == "failed"
    assert "wanted a first answer in 3 attempts" in str(error)
    assert advice in str(error)
    assert len(server.bodies) == len(reasons) == 3
    assert all(reason and reason in response.error + str(error) for reason in reasons)


@pytest.mark.parametrize(
    ("status", "attempts"),
    [(413, 4), (500, 8)],
)
def test_answer__an_api_that_only_says_errors_is_not_told_to_be_at_another_address(
    status, attempts
):
    with OpenAIServer(always=f"status:{status}") as server:
        limits: dict[str, Any] = {"give_up_after": 4, "max_attempts": 2}
        responses, error = ask(server, requests(20), **limits)
    assert [r.status for r in responses] == ["failed"] * 4
    assert f"HTTP {status}: The server had an error" in str(error)
    assert "/v1;" not in str(error)
    assert "base URL" not in str(error)
    assert len(server.bodies) == attempts


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["rate_limit", "status:503", "status:529", "status:502"])
def test_answer__a_server_that_turns_everybody_away_is_waited_for_by_all_with_one_probe_at_a_time(
    behaviour,
):
    import openai  # noqa: F401 (its second is none of the first request's time)

    away = dict.fromkeys(range(1, 10), behaviour)
    waits: list[str] = []
    with OpenAIServer(nth=away, delay_s=0.01) as server:
        responses, error = ask(
            server, requests(20), on_wait=waits.append, max_attempts=2, deadline_s=1.2,
            max_rest_s=0.2, timeout_s=1.1,
        )  # fmt: skip
    assert error is None
    assert [(r.status, r.error) for r in responses] == [("ok", "")] * 20
    assert len(server.bodies) == 20 + 9


@pytest.mark.parametrize("behaviour", ["rate_limit", "status:503", "error_200"])
def test_answer__a_server_that_turns_everybody_away_for_too_long_ends_the_run(behaviour):
    with OpenAIServer(always=behaviour) as server:
        responses, error = ask(server, requests(20), patience_s=0.3, max_rest_s=0.05)
    assert responses == []
    assert "wanted an answer within 0 min, got" in str(error)
    assert "see whether the server is well" in str(error)
    assert "base URL" not in str(error)
    assert server.most_at_once == 1
    assert len(server.bodies) > 3


def test_answer__a_wait_of_hours_ends_the_run_at_once_and_says_when_to_come_back():
    with OpenAIServer(nth={0: "good", 1: "good"}, always="day_limit", delay_s=0.02) as server:
        responses, error = ask(server, requests(40), max_concurrency=2)
    assert [r.status for r in responses] == ["ok"] * 2
    wanted = r"wanted an answer, got HTTP 429: .*7h12m.*; come back after \d\d:\d\d"
    assert re.search(wanted, str(error))
    assert len(server.bodies) <= 4


def test_answer__what_is_waited_for_is_told_and_that_it_is_over():
    waits: list[str] = []
    with OpenAIServer(nth={0: "rate_limit:retry-after=2.1"}) as server:
        (response,), _ = ask(server, requests(1), on_wait=waits.append)
    assert response.status == "ok"
    assert re.fullmatch(r"waits until \d\d:\d\d:\d\d, as HTTP 429: Rate limit reached", waits[0])
    assert waits[1:] == [""]


def test_answer__the_minutes_of_a_run_end_its_waits_too():
    budget = Budget(Caps(seconds=0.3))
    with OpenAIServer(always="rate_limit:retry-after=60") as server:
        responses, error = ask(server, requests(20), budget=budget)
    assert (responses, error, budget.reached) == ([], None, "--max-minutes")
    assert len(server.bodies) == 1


def test_answer__one_request_that_is_turned_away_while_others_are_answered_is_given_up():
    with OpenAIServer(about={"chair": "rate_limit"}) as server:
        limits: dict[str, Any] = {"max_attempts": 3, "max_concurrency": 1, "max_rest_s": 0.02}
        responses, error = ask(server, requests(9), **limits)
    assert error is None
    assert sorted(r.status for r in responses) == ["failed"] + ["ok"] * 8


def test_answer__a_server_that_says_how_long_to_wait_is_waited_for_before_its_first_answer():
    nth = dict.fromkeys(range(5), "rate_limit:retry-after-ms=10")
    with OpenAIServer(nth=nth) as server:
        (response,), error = ask(server, requests(1))
    assert (response.status, error) == ("ok", None)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_answer__a_request_the_server_rejects_fails_at_once_and_the_others_go_on(status):
    with OpenAIServer(nth={1: f"status:{status}"}) as server:
        responses, error = ask(server, requests(4))
    assert sorted(r.status for r in responses) == ["failed", "ok", "ok", "ok"]
    assert error is None
    assert len(server.bodies) == 4


@pytest.mark.slow
def test_answer__the_deadline_holds_over_all_attempts_of_a_request():
    with OpenAIServer(always="hang") as server:
        (response,), _ = ask(server, requests(1), timeout_s=0.1, deadline_s=0.35)
    assert response.status == "failed"
    assert response.latency_s < 2
    assert len(server.bodies) < 8


@pytest.mark.slow
@pytest.mark.parametrize("header", ["retry-after=0.3", "retry-after-ms=300"])
def test_answer__waits_as_long_as_the_server_asks(header):
    with OpenAIServer(nth={0: f"rate_limit:{header}"}) as server:
        (response,), _ = ask(server, requests(1))
    assert response.status == "ok"
    assert server.arrivals[1] - server.arrivals[0] >= 0.3


@pytest.mark.slow
def test_answer__when_one_is_told_to_wait_no_other_request_leaves():
    with OpenAIServer(nth={3: "rate_limit:retry-after=0.6"}, delay_s=0.02) as server:
        responses, _ = ask(server, requests(40))
    assert {r.status for r in responses} == {"ok"}
    complaint_at = server.arrivals[3] + server.delay_s
    assert not [t for t in server.arrivals if complaint_at + 0.25 < t < complaint_at + 0.59]


@pytest.mark.slow
def test_answer__the_window_opens_to_its_limit_and_no_further():
    with OpenAIServer(delay_s=0.03) as server:
        responses, _ = ask(server, requests(60), max_concurrency=6)
    assert len(responses) == 60
    assert server.most_at_once == 6


@pytest.mark.slow
def test_answer__a_server_that_keeps_complaining_is_asked_few_at_a_time():
    complaints = dict.fromkeys(range(4, 200, 3), "rate_limit")
    with OpenAIServer(nth=complaints, delay_s=0.01) as server:
        responses, error = ask(server, requests(100), max_attempts=60)
    assert [r.status for r in responses] == ["ok"] * 100
    assert error is None
    assert max(server.at_once[-50:]) <= 16  # the first answer opened 32


@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        ("unauthorised", "set OPENAI_API_KEY to a key"),
        ("no_credit", "add credit"),
        ("status:402", "add credit"),
        ("status:403", "use a key that may use this model"),
        ("no_model", "check the model's name"),
    ],
)
def test_answer__a_fault_of_the_account_costs_one_request_and_says_what_to_do(behaviour, advice):
    left = iter(requests(50))
    with OpenAIServer(always=behaviour) as server:
        responses, error = ask(server, left)
    assert responses == []
    assert len(list(left)) == 49
    assert isinstance(error, UpstreamError)
    assert advice in str(error)
    assert "run the same command again" in str(error)
    assert len(server.bodies) == 1


@pytest.mark.slow
def test_answer__what_was_under_way_when_the_credit_ended_is_still_yielded():
    nth = {n: "no_credit" for n in range(10, 60)}
    with OpenAIServer(nth=nth, delay_s=0.03) as server:
        responses, error = ask(server, requests(60))
    assert [r.status for r in responses] == ["ok"] * 10
    assert "insufficient_quota" in str(error) or "quota" in str(error)
    assert len(server.bodies) < 60


def test_answer__a_stopped_provider_asks_nothing_more():
    async def run(server: OpenAIServer) -> Any:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=32))
        for _ in range(2):
            with pytest.raises(UpstreamError):
                await anext(provider.answer(requests(3), Budget()))
        await provider.aclose()

    with OpenAIServer(always="unauthorised") as server:
        asyncio.run(run(server))
    assert len(server.bodies) == 1


def test_answer__many_failures_in_a_row_end_the_run_with_those_that_failed():
    with OpenAIServer(nth={0: "good"}, always="status:500") as server:
        limits: dict[str, Any] = {"max_attempts": 2, "give_up_after": 5, "max_concurrency": 1}
        responses, error = ask(server, requests(60), **limits)
    assert [r.status for r in responses] == ["ok"] + ["failed"] * 5
    assert "one of the last 5 requests" in str(error)
    assert len(server.bodies) == 11


@pytest.mark.slow
def test_answer__failures_with_answers_between_them_do_not_end_the_run():
    nth = {n: "status:413" for n in range(0, 60, 2)}
    with OpenAIServer(nth=nth) as server:
        responses, error = ask(server, requests(60), give_up_after=3, max_concurrency=1)
    assert error is None
    assert [r.status for r in responses].count("failed") == 30


def test_answer__an_address_where_nothing_listens_ends_the_run():
    with OpenAIServer() as server:
        pass
    reasons: list[str] = []
    responses, error = ask(server, requests(20), on_fault=reasons.append)
    assert [r.status for r in responses] == ["failed"]
    assert len(reasons) == 3
    assert "wanted a connection" in str(error)


@pytest.mark.slow
def test_answer__stops_asking_when_the_iterator_of_requests_ends_and_yields_the_rest():
    left = iter(requests(60))
    with OpenAIServer(delay_s=0.01) as server:
        responses, _ = ask(server, (r for r in left if len(server.bodies) < 10))
    assert 10 <= len(server.bodies) == len(responses) < 60


@pytest.mark.slow
def test_answer__holds_a_window_of_requests_not_all_of_them():
    taken = []

    def endless() -> Iterator[Request]:
        for n in range(10**9):
            taken.append(n)
            yield requests(1)[0]

    async def run(server: OpenAIServer) -> Any:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=4))
        async with aclosing(provider.answer(endless(), Budget())) as answers:
            seen = 0
            async for _ in answers:
                seen += 1
                assert len(taken) - seen <= 4
                if seen == 30:
                    break
        await provider.aclose()

    with OpenAIServer() as server:
        asyncio.run(run(server))


@pytest.mark.slow
def test_answer__leaves_no_task_behind_when_the_reader_stops_early():
    async def run(server: OpenAIServer) -> Any:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=32))
        async with aclosing(provider.answer(requests(40), Budget())) as answers:
            for _ in range(5):
                await anext(answers)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await provider.aclose()
        return left

    with OpenAIServer(delay_s=0.05) as server:
        assert asyncio.run(run(server), debug=True) == set()
        gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["hang", "drip", "rate_limit:retry-after=60", "status:500"])
def test_answer__an_interrupt_ends_it_at_once_and_closes_every_connection(behaviour):
    async def run(server: OpenAIServer) -> Any:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=32))

        async def read() -> Any:
            async for _ in provider.answer(requests(40), Budget()):
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.15)
        reader.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await reader
            await provider.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    with OpenAIServer(nth={0: "good"}, always=behaviour) as server:
        assert asyncio.run(run(server)) == set()
        gc.collect()


@pytest.mark.slow
def test_answer__ctrl_c_says_nothing_of_lost_tasks_or_open_connections():
    with OpenAIServer(nth={0: "good"}, always="hang") as server:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", READER, server.base_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=READER_ENV,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert b"KeyboardInterrupt" in stderr
    assert b"never retrieved" not in stderr
    assert b"destroyed" not in stderr
    assert b"Warning" not in stderr


def test_aclose__ends_a_reader_in_another_task():
    async def run(server: OpenAIServer) -> Any:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=32))

        async def read() -> Any:
            return [r async for r in provider.answer(requests(3), Budget())]

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        await provider.aclose()
        with pytest.raises(UpstreamError, match="closed before"):
            await asyncio.wait_for(reader, 1)

    with OpenAIServer(always="hang") as server:
        asyncio.run(run(server))


@pytest.mark.slow
def test_import__does_not_import_the_sdk():
    code = (
        "import sys, langseg.descriptors.providers.openai.provider as p;"
        "from langseg.descriptors.openai_api.rate_limits import RateLimits;"
        "p.OpenAIProvider(limits=RateLimits(max_concurrency=1));"
        "print('openai' in sys.modules, 'httpx2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("behaviour", ["unauthorised", "echo"])
def test_secret__the_key_is_in_no_response_error_or_repr(behaviour):
    with OpenAIServer(always=behaviour) as server:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=32))
        shown = repr(provider) + str(vars(provider))
        responses, error = ask(server, requests(2))
    raised: BaseException | None = error
    shown += repr(responses)
    while raised is not None:
        shown += repr(raised) + repr(raised.__cause__) + repr(vars(raised))
        raised = raised.__context__
    assert CANARY not in shown
    assert "canary" not in shown
    assert "[key]" in shown


@pytest.mark.slow
def test_secret__the_key_is_in_no_log_line_of_the_sdk_and_in_no_traceback():
    with OpenAIServer(nth={0: "good", 1: "echo"}, always="unauthorised") as server:
        done = subprocess.run(
            [sys.executable, "-c", READER, server.base_url],
            capture_output=True,
            text=True,
            env={**READER_ENV, "OPENAI_LOG": "debug", "OPENAI_API_KEY": CANARY},
        )
    shown = done.stdout + done.stderr
    assert done.returncode == 1
    assert "openai" in shown
    assert "Traceback" in shown
    assert "UpstreamError" in shown
    assert "canary" not in shown


def test_answer__certificates_that_cannot_be_read_are_named_before_anything_is_asked(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with OpenAIServer() as server, pytest.raises(UsageError, match="SSL_CERT_FILE"):
        ask(server, requests(3))
    assert server.bodies == []


def gaps(server: OpenAIServer) -> list[float]:
    """Seconds between a request's arrival and the next one's."""
    return [b - a for a, b in pairwise(sorted(server.arrivals))]


@pytest.fixture
def no_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate holds from the first request on, so that few are needed to see it."""
    monkeypatch.setattr(rate_limits, "_SLACK_S", 0.0)


@pytest.mark.slow
def test_answer__keeps_to_the_requests_a_minute_that_were_given(no_slack):
    with OpenAIServer(delay_s=0.05) as server:
        responses, error = ask(server, requests(12), requests_per_minute=3000)
    assert [r.status for r in responses] == ["ok"] * 12
    assert error is None
    assert sum(gaps(server)) >= 11 * 0.02 * 0.95
    assert server.most_at_once > 1  # a rate is no queue


def test_answer__keeps_to_the_tokens_a_minute_that_were_given(no_slack):
    each = most(requests(1)[0]).tokens
    with OpenAIServer() as server:
        responses, _ = ask(server, requests(8), tokens_per_minute=3000 * each)
    assert [r.status for r in responses] == ["ok"] * 8
    assert sum(gaps(server)) >= 7 * 0.02 * 0.9


@pytest.mark.slow
def test_answer__keeps_to_the_rate_that_the_headers_of_the_first_reply_tell(no_slack):
    behaviours = {0: "telling:x-ratelimit-limit-requests=3000"}
    with OpenAIServer(nth=behaviours) as server:
        responses, _ = ask(server, requests(12))
    assert [r.status for r in responses] == ["ok"] * 12
    assert sum(gaps(server)) >= 10 * 0.02 * 0.95


def test_answer__keeps_to_the_rate_that_a_refusal_tells(no_slack):
    with OpenAIServer(nth={0: "rate_limit:x-ratelimit-limit-requests=3000"}) as server:
        responses, _ = ask(server, requests(8))
    assert [r.status for r in responses] == ["ok"] * 8
    assert sum(gaps(server)) >= 7 * 0.02 * 0.95


@pytest.mark.slow
def test_answer__rests_until_the_reset_when_a_server_says_that_nothing_remains():
    headers = "x-ratelimit-remaining-tokens=0;x-ratelimit-reset-tokens=300ms"
    with OpenAIServer(nth={0: f"telling:{headers}"}) as server:
        responses, _ = ask(server, requests(3))
    assert [r.status for r in responses] == ["ok"] * 3
    assert gaps(server)[0] >= 0.29


def test_answer__headers_that_are_nonsense_slow_nothing_down():
    headers = "x-ratelimit-limit-requests=0;x-ratelimit-limit-tokens=-1"
    headers += ";x-ratelimit-remaining-requests=0;x-ratelimit-reset-requests=soon"
    with OpenAIServer(always=f"telling:{headers}") as server:
        responses, error = ask(server, requests(12))
    assert [r.status for r in responses] == ["ok"] * 12
    assert error is None
    assert sum(gaps(server)) < 2


@pytest.mark.slow
def test_answer__the_wait_for_ones_turn_is_no_part_of_the_deadline(no_slack):
    with OpenAIServer() as server:
        responses, error = ask(server, requests(8), requests_per_minute=1200, deadline_s=0.15)
    assert [r.status for r in responses] == ["ok"] * 8
    assert error is None


@pytest.mark.slow
def test_answer__the_wait_for_room_in_the_budget_is_no_part_of_the_deadline():
    limit = '{"max_completion_tokens":100000}'
    planned = [replace(request, params_json=limit) for request in requests(14)]
    budget = Budget(Caps(tokens=150_000))  # room for one at a time
    with OpenAIServer(delay_s=0.05) as server:
        responses, error = ask(server, planned, budget=budget, deadline_s=0.3)
    assert [r.status for r in responses] == ["ok"] * 14
    assert (error, server.most_at_once) == (None, 1)


def test_budget__that_is_reached_lets_no_further_request_leave_and_loses_no_answer():
    left = iter(requests(60))
    budget = Budget(Caps(requests=10))
    with OpenAIServer(delay_s=0.03) as server:
        responses, error = ask(server, left, budget=budget)
    assert [r.status for r in responses] == ["ok"] * 10
    assert len(server.bodies) == budget.requests == 10
    assert (error, budget.reached) == (None, "--max-requests")
    assert len(list(left)) > 20


def test_budget__of_tokens_holds_although_answers_are_under_way():
    each = most(requests(1)[0]).tokens
    budget = Budget(Caps(tokens=6 * each))
    with OpenAIServer(delay_s=0.01) as server:
        responses, error = ask(server, requests(40), budget=budget)
    assert {r.status for r in responses} == {"ok"}
    assert len(responses) == len(server.bodies) == budget.requests
    used = sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for r in responses)
    assert used == budget.tokens <= 6 * each
    assert (error, budget.reached) == (None, "--max-tokens")
    assert server.most_at_once <= 6


def test_budget__of_dollars_holds_at_the_given_prices():
    price = Price(prompt=1.0, completion=4.0)
    budget = Budget(Caps(cost_usd=0.01), price)
    with OpenAIServer(delay_s=0.01) as server:
        responses, error = ask(server, requests(60), budget=budget)
    assert len(responses) == len(server.bodies) == budget.requests > 3
    assert sum(r.cost_usd or 0.0 for r in responses) == pytest.approx(budget.cost_usd)
    assert (budget.cost_usd or 0.0) <= 0.01
    assert (error, budget.reached) == (None, "--max-cost")


def test_budget__counts_failed_attempts_as_requests_and_what_was_turned_away_as_no_tokens():
    nth = {0: "good", 1: "rate_limit", 2: "rate_limit"}
    budget = Budget(Caps(requests=3))
    with OpenAIServer(nth=nth) as server:
        (response,), error = ask(server, requests(2), budget=budget, max_concurrency=1)
    assert len(server.bodies) == budget.requests == 3
    assert budget.tokens == (response.prompt_tokens or 0) + (response.completion_tokens or 0)
    assert (error, budget.reached) == (None, "--max-requests")


@pytest.mark.parametrize("behaviour", ["hang", "drip", "reset", "html"])
def test_budget__counts_an_attempt_in_full_when_nobody_knows_what_it_used(behaviour):
    (request,) = requests(1)
    budget = Budget()
    with OpenAIServer(nth={0: behaviour}) as server:
        (response,), _ = ask(server, [request], budget=budget, timeout_s=0.15)
    used = (response.prompt_tokens or 0) + (response.completion_tokens or 0)
    assert response.status == "ok"
    assert budget.tokens == most(request).tokens + used
    assert budget.requests == 2


def test_budget__counts_an_attempt_in_full_when_the_run_is_cut_off():
    (request,) = requests(1)
    budget = Budget()

    async def run(server: OpenAIServer) -> None:
        provider = OpenAIProvider(base_url=server.base_url, limits=RateLimits(max_concurrency=4))

        async def read() -> None:
            async for _ in provider.answer([request], budget):
                pass

        reader = asyncio.create_task(read())
        while not server.bodies:
            await asyncio.sleep(0.005)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await provider.aclose()

    with OpenAIServer(always="hang") as server:
        asyncio.run(run(server))
    assert budget.tokens == most(request).tokens


def test_provider__a_base_url_with_a_password_is_refused():
    with pytest.raises(UsageError):
        OpenAIProvider(
            base_url="http://bob:hunter2@127.0.0.1/v1", limits=RateLimits(max_concurrency=1)
        )
