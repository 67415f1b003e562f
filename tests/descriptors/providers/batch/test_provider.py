"""The Batch API, as a run sees it: what is handed over, what comes home, what survives a kill."""

import asyncio
import json
import os
import random
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import CorruptError, LangSegError, UpstreamError, UsageError
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.cache.records import Request, Response, to_table
from langseg.cache.store.batch_ledger import Ledger, batch_problems, held_answers
from langseg.cache.store.batch_records import BATCHES
from langseg.cache.store.journal import Answer
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.providers.batch.provider import OpenAIBatchProvider
from langseg.descriptors.providers.batch.requests import FileLimits
from langseg.descriptors.providers.budget import Budget, Caps, Price, most
from langseg.descriptors.providers.chat import chat_body
from langseg.descriptors.vocabulary.vocabulary import ClassEntry
from tests.support.batch_server import BatchServer
from tests.support.prompts import some_prompt
from tests.support.repository import ROOT
from tests.support.seeds import seeds

CANARY = "sk-canary/0123456789abcdef"
PROMPT = some_prompt(n_attributes=2, n_subclasses=1)
STEPS = ("fsync", "link", "mkdir", "open", "replace", "unlink", "write")
FORKER = """
import os, sys
import anyio._backends._asyncio, httpcore2, httpx2, openai, pyarrow.compute, pyarrow.parquet
from tests.descriptors.providers.batch.test_provider import one_run
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            one_run(*line.rstrip().split("\\t"))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KILLS, PLANNED = 24, 48
GONE = 9  # exit status of a child that ended itself


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """A key, no proxy, and no certificates: nothing here speaks TLS, and they load in 80 ms."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


class Desk:
    """Runs providers one after the other, as ``generate`` would on one store."""

    def __init__(self, server: BatchServer, root: Path, **options: Any) -> None:
        self.server, self.root, self.options = server, root, options
        self.stored: dict[tuple[str, str], Answer] = {}
        self.rows: list[Answer] = []  # of the last run
        self.error: LangSegError | None = None
        self.under_way = 0
        self.faults: list[str] = []
        self.waits: list[str] = []
        self.rests: list[float] = []

    def held(self, name: str) -> set[str]:
        return {key for key, run_id in self.stored if run_id == name}

    def run(
        self,
        planned: Iterable[Request],
        *,
        budget: Budget | None = None,
        keep: bool = True,
        forget: bool = True,
        collect: bool = False,
        **options: Any,
    ) -> list[Answer]:
        """The rows that came; killed before they are kept, or before the batch is forgotten?"""
        self.rows, self.error = [], None
        provider = asyncio.run(self._run(planned, budget or Budget(), collect, options))
        self.under_way = provider.under_way
        if keep:
            fresh = {(r.request_key, r.run_id): (q, r) for q, r in self.rows}
            assert len(fresh) == len(self.rows)
            assert not fresh.keys() & self.stored.keys()
            self.stored |= fresh
        if forget:
            provider.committed()
        return self.rows

    def statuses(self) -> Counter[str]:
        return Counter(response.status for _, response in self.rows)

    def files(self) -> list[str]:
        return sorted(path.suffix for path in (self.root / BATCHES).iterdir())

    async def _run(self, planned, budget, collect, options) -> OpenAIBatchProvider:
        async def rest(seconds: float) -> None:
            self.rests.append(seconds)
            provider.committed()  # as after a commit in the middle of a run

        provider = OpenAIBatchProvider(**{
            "base_url": self.server.base_url, "store_path": self.root, "held": self.held,
            "on_fault": self.faults.append, "on_wait": self.waits.append, "rest": rest,
            **self.options, **options,
        })  # fmt: skip
        try:
            source = provider.collect(budget) if collect else provider.answer(planned, budget)
            async for row in source:
                self.rows.append(row)
        except LangSegError as error:
            self.error = error
        finally:
            await provider.aclose()
        return provider


@pytest.mark.slow
def test_answer__the_first_run_hands_over_and_the_next_brings_home(tmp_path):
    with BatchServer() as server:
        desk, planned = Desk(server, tmp_path), requests(5)
        assert desk.run(planned) == []
        assert (desk.error, desk.under_way) == (None, 5)
        assert len(server.batches) == 1
        rows = desk.run(planned)
    assert (desk.error, desk.under_way, desk.faults) == (None, 0, [])
    assert [request for request, _ in rows] == planned
    for request, response in rows:
        assert json.loads(response.raw_text)["subclasses"][0]["parent"] == request.class_name
        assert (response.status, response.provider) == ("ok", "openai-batch")
        assert (response.attempt, response.served_model) == (1, "m-2026-01-01")
        assert response.run_id.startswith("batch-")
        assert response.prompt_tokens
        assert response.latency_s == 60
        assert response.cost_usd is None
    assert len(server.batches) == 1
    assert desk.files() == []


@pytest.mark.slow
def test_answer__a_line_is_what_a_single_request_would_be(tmp_path):
    with BatchServer() as server:
        (request,) = requests(1)
        Desk(server, tmp_path).run([request])
    assert server.uploads == [[{
        "custom_id": request.request_key, "method": "POST", "url": "/v1/chat/completions",
        "body": chat_body(request),
    }]]  # fmt: skip


@pytest.mark.slow
def test_answer__what_is_under_way_is_never_handed_over_again(tmp_path):
    with BatchServer(looks=2) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        for under_way in (5, 5):
            assert desk.run(requests(5)) == []
            assert desk.under_way == under_way
        assert {r.request_key for r, _ in desk.run(requests(5))} == keys(requests(3))
        assert len(desk.run(requests(5)[3:])) == 2
    assert set(server.accepted.values()) == {1}
    assert [len(upload) for upload in server.uploads] == [3, 2]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({"max_requests": 3}, [3, 3, 1]),
        ({"max_bytes": 1}, [1] * 7),
        ({"enqueued_tokens": 1}, [1]),
    ],
)
def test_answer__files_keep_to_the_limits(tmp_path, limits, sizes):
    with BatchServer() as server:
        desk = Desk(server, tmp_path, limits=FileLimits(**limits))
        desk.run(requests(7))
        assert [len(upload) for upload in server.uploads] == sizes
        assert desk.under_way == sum(sizes)


def test_answer__the_token_limit_counts_every_batch_under_way(tmp_path):
    each = most(requests(1)[0]).tokens
    limits = FileLimits(max_requests=2, enqueued_tokens=5 * each + 20)
    with BatchServer(looks=1) as server:
        desk = Desk(server, tmp_path, limits=limits)
        desk.run(requests(9))
        assert [len(upload) for upload in server.uploads] == [2, 2, 1]
        desk.run(requests(9))
        assert len(server.uploads) == 3
        desk.run(requests(9))
        assert [len(upload) for upload in server.uploads[3:]] == [2, 2]


def test_answer__reads_no_more_of_the_plan_than_it_hands_over(tmp_path):
    read = []

    def endless() -> Iterator[Request]:
        for number in count():
            read.append(number)
            yield request_of(number)

    with BatchServer() as server:
        desk = Desk(server, tmp_path, limits=FileLimits(max_requests=2, enqueued_tokens=20_000))
        desk.run(endless())
        assert len(read) == sum(server.accepted.values()) + 1
        assert len(read) > 5


def test_wait__stays_until_everything_is_home_and_hands_over_what_had_no_room(tmp_path):
    each = most(requests(1)[0]).tokens
    limits = FileLimits(max_requests=2, enqueued_tokens=4 * each + 20)
    with BatchServer(looks=3) as server:
        desk = Desk(server, tmp_path, wait=True, limits=limits)
        assert keys(r for r, _ in desk.run(requests(9))) == keys(requests(9))
    assert (desk.error, desk.under_way, desk.files()) == (None, 0, [])
    assert set(server.accepted.values()) == {1}
    assert len(desk.waits) == len(desk.rests)
    assert "0 of 4 requests under way" in desk.waits[0]


def test_wait__looks_less_often_the_longer_nothing_happens(tmp_path):
    with BatchServer(looks=9) as server:
        desk = Desk(server, tmp_path, wait=True)
        assert len(desk.run(requests(2))) == 2
    assert desk.rests[0] == 5
    assert desk.rests[1] == 7.5
    assert desk.rests == sorted(desk.rests)
    assert desk.rests[-1] == 60


def test_wait__takes_up_what_earlier_runs_handed_over(tmp_path):
    with BatchServer(looks=4, ends={0: "expired:1"}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        rows = desk.run(requests(4), wait=True)
    assert keys(r for r, _ in rows) == keys(requests(4))
    assert desk.statuses() == {"ok": 4}
    assert [len(upload) for upload in server.uploads] == [3, 1, 2]


@pytest.mark.slow
def test_wait__ends_when_the_time_is_up(tmp_path):
    with BatchServer(looks=10**9) as server:
        desk = Desk(server, tmp_path, wait=True)
        assert desk.run(requests(2), budget=Budget(Caps(seconds=0.2))) == []
    assert (desk.error, desk.under_way) == (None, 2)


def test_collect__brings_home_and_hands_nothing_over(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        assert desk.run([], collect=True) == []
        desk.run(requests(3))
        assert len(desk.run([], collect=True)) == 3
        assert (len(server.batches), desk.files()) == (1, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("treat", "status"),
    [
        ("refusal", "refused"), ("filtered", "refused"), ("length", "truncated"),
        ("fenced", "ok"), ("huge", "ok"), ("no_usage", "ok"), ("unterminated", "ok"),
        ("status:500", "failed"), ("status:400", "failed"), ("rate_limit", "failed"),
        ("no_choices", "failed"), ("error_200", "failed"), ("empty", "failed"),
        ("bodiless", "failed"), ("text_body", "failed"), ("odd_status", "failed"),
    ],
)  # fmt: skip
def test_answer__every_line_says_what_came_of_its_request(tmp_path, treat, status):
    with BatchServer(lines={2: treat}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        desk.run(requests(3))
        assert (desk.error, desk.files()) == (None, [])
        by_key = {r.request_key: r for _, r in desk.rows}
        response = by_key[requests(3)[2].request_key]
        assert desk.statuses() == Counter(["ok", "ok", status])
        assert response.status == status
        assert bool(response.error) == (status != "ok")
        desk.run(requests(3)[2:])
        assert len(server.batches) == 2


@pytest.mark.slow
@pytest.mark.parametrize("treat", ["missing", "garbage", "nul", "deep", "number", "long"])
def test_answer__a_line_that_says_nothing_costs_itself_only(tmp_path, treat):
    with BatchServer(lines={1: treat}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        desk.run(requests(3))
        assert desk.statuses() == {"ok": 2}
        assert any("without a line" in fault for fault in desk.faults)
        assert any("cannot be read" in fault for fault in desk.faults) == (treat != "missing")
        assert [len(upload) for upload in server.uploads] == [3, 1]  # at once
        assert len(desk.run([])) == 1
        assert desk.files() == []


def test_answer__the_first_of_two_lines_stands_and_strangers_are_told(tmp_path):
    with BatchServer(lines={0: "twice", 1: "stranger"}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        rows = desk.run(requests(3))
    assert desk.statuses() == {"ok": 3}
    assert "second" not in {response.raw_text for _, response in rows}
    assert any("1 lines for a request that has one" in fault for fault in desk.faults)
    assert any("1 lines of no request of it" in fault for fault in desk.faults)


def test_answer__lines_in_the_error_file_alone_are_found(tmp_path):
    with BatchServer(always="status:500") as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        desk.run(requests(3))
        assert next(iter(server.batches.values()))["output_file_id"] is None
    assert desk.statuses() == {"failed": 3}
    assert "HTTP 500" in desk.rows[0][1].error


@pytest.mark.parametrize("end", ["expired:2", "cancelled:2"])
def test_answer__a_batch_cut_short_keeps_what_was_paid_for_and_the_rest_is_asked_again(
    tmp_path, end
):
    with BatchServer(ends={0: end}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(5))
        desk.run(requests(5))
        assert desk.statuses() == {"ok": 2}
        assert (desk.error, desk.under_way) == (None, 3)
        assert len(desk.run(requests(5)[2:])) == 3
    assert [len(upload) for upload in server.uploads] == [5, 3]
    assert desk.files() == []


def test_answer__what_expired_of_another_plan_is_not_asked_again(tmp_path):
    with BatchServer(ends={0: "expired:1"}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        assert len(desk.run([], wait=True)) == 1
        assert (len(server.batches), desk.files()) == (1, [])


def test_wait__batches_that_bring_nothing_end_the_run(tmp_path):
    with BatchServer(ends=dict.fromkeys(range(9), "expired:0")) as server:
        desk = Desk(server, tmp_path, wait=True)
        desk.run(requests(2))
    assert "3 in a row that brought none, the last one expired" in str(desk.error)
    assert (len(server.batches), desk.files()) == (3, [])


def test_answer__a_refused_batch_ends_the_run_after_all_else_is_home(tmp_path):
    with BatchServer(ends={0: "failed:invalid_json_line"}) as server:
        desk = Desk(server, tmp_path, limits=FileLimits(max_requests=2))
        desk.run(requests(4))
        desk.run(requests(4))
        assert desk.statuses() == {"ok": 2}
        assert isinstance(desk.error, UpstreamError)
        assert "invalid_json_line: Enqueued" in str(desk.error)
        assert desk.error.exit_code == 5
        assert (len(server.batches), desk.files()) == (2, [])
        desk.run(requests(2))
        assert len(desk.run(requests(2))) == 2  # once it is mended


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"limits": FileLimits(max_requests=3)}])
def test_wait__more_tokens_than_the_server_enqueues_go_in_smaller_batches(tmp_path, options):
    with BatchServer(enqueues=3, looks=1) as server:
        desk = Desk(server, tmp_path, wait=True, **options)
        desk.run(requests(20))
    assert desk.error is None
    assert desk.statuses() == {"ok": 20}
    assert set(server.accepted.values()) == {1}
    assert desk.files() == []
    assert any("more tokens than the server enqueues" in fault for fault in desk.faults)


@pytest.mark.slow
def test_answer__more_tokens_than_the_server_enqueues_leave_requests_open(tmp_path):
    with BatchServer(enqueues=3) as server:
        desk = Desk(server, tmp_path)
        planned = requests(8)
        for _ in range(30):
            desk.run(
                [r for r in planned if r.request_key not in keys(q for q, _ in all_rows(desk))]
            )
            assert desk.error is None
        assert keys(q for q, _ in all_rows(desk)) == keys(planned)
    assert set(server.accepted.values()) == {1}


def test_wait__a_refused_batch_ends_the_waiting_for_the_others(tmp_path):
    with BatchServer(ends={0: "failed:invalid"}) as server:
        desk = Desk(server, tmp_path, limits=FileLimits(max_requests=2))
        desk.run(requests(4))
        server.looks_at("batch_1", 9)
        desk.run(requests(4), wait=True)
        assert "invalid" in str(desk.error)
        assert desk.files() != []
        assert desk.rests == []


def test_wait__no_room_for_a_single_request_ends_the_run(tmp_path):
    with BatchServer(enqueues=0) as server:
        desk = Desk(server, tmp_path, wait=True)
        desk.run(requests(2))
    assert "a batch of one request" in str(desk.error)
    assert desk.files() == []


def test_answer__a_file_without_a_line_of_results_is_not_taken_for_one(tmp_path):
    with BatchServer(calls={"GET /content": ["html"] * 6}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
        assert "wanted a file of results" in str(desk.error)
        assert len(desk.run(requests(2))) == 2
    assert set(server.accepted.values()) == {1}


def test_answer__a_state_nobody_knows_is_under_way(tmp_path):
    with BatchServer(ends={0: "queued_at_the_moon"}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        assert desk.run(requests(2)) == []
        assert (desk.error, desk.under_way) == (None, 2)


def test_answer__a_plan_that_changed_does_not_lose_what_was_paid_for(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        assert keys(r for r, _ in desk.run([request_of(77)])) == keys(requests(3))
        assert keys(r for r, _ in desk.run([])) == keys([request_of(77)])


def test_forget__a_batch_stays_until_the_store_holds_its_answers(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        first = desk.run(requests(3), keep=False)  # killed before the journal
        assert desk.files() == [".json", ".jsonl"]
        desk.stored = {(r.request_key, r.run_id): (q, r) for q, r in first[:2]}
        assert [r for r, _ in desk.run(requests(3)[2:])] == [requests(3)[2]]
    assert desk.files() == []
    assert set(server.accepted.values()) == {1}


def test_forget__a_batch_whose_every_answer_is_stored_is_not_looked_at_again(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        desk.run(requests(3), forget=False)
        assert desk.files() == [".json", ".jsonl"]
        called = len(server.called)
        assert desk.run([]) == []
        assert (len(server.called), desk.files()) == (called, [])


def test_forget__a_batch_that_is_looked_at_again_frees_nothing_that_another_holds(tmp_path):
    with BatchServer(looks=1, ends={0: "expired:1"}) as server:
        desk = Desk(server, tmp_path)
        for _ in range(3):
            desk.run(requests(3), forget=False)
        assert [len(upload) for upload in server.uploads] == [3, 2]
        desk.run(requests(3)[1:])
        assert (desk.under_way, len(server.uploads)) == (2, 2)
        assert len(desk.run(requests(3)[1:])) == 2


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_create__an_answer_that_is_lost_makes_no_second_batch(tmp_path, keeps_metadata):
    ways = {"POST /batches": ["lost", "status:502"]}
    with BatchServer(calls=ways, keeps_metadata=keeps_metadata) as server:
        desk = Desk(server, tmp_path, limits=FileLimits(max_requests=1))
        desk.run(requests(5))
        assert (desk.error, desk.under_way) == (None, 5)
        assert len(desk.run(requests(5))) == 5
    assert set(server.accepted.values()) == {1}


def test_create__a_run_that_ended_before_the_answer_is_matched_by_the_next(tmp_path):
    with BatchServer(calls={"POST /batches": ["lost"], "GET /batches": ["html"] * 6}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        assert isinstance(desk.error, UpstreamError)
        for number in range(5):  # others use the account, too
            server.create({**next(iter(server.batches.values())), "metadata": {"n": str(number)}})
        server.accepted.clear()
        desk.run(requests(3))
        assert desk.statuses() == {"ok": 3}
        assert not server.accepted


def test_create__what_may_be_at_another_server_is_left_for_when_that_is_named(tmp_path):
    ways = {"POST /batches": ["lost"], "GET /batches": ["html"] * 6}
    with BatchServer(calls=ways) as there, BatchServer() as here:
        Desk(there, tmp_path).run(requests(3))
        desk = Desk(here, tmp_path)
        desk.run(requests(3))
        assert not here.uploads
        assert len(Desk(there, tmp_path).run(requests(3))) == 3
    assert set(there.accepted.values()) == {1}


@pytest.mark.parametrize("call", ["POST /files", "POST /batches"])
def test_submit__what_never_arrived_is_handed_over_by_the_next_run(tmp_path, call):
    with BatchServer(calls={call: ["unauthorised"]}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        assert "set OPENAI_API_KEY" in str(desk.error)
        assert desk.run(requests(3)) == []
        assert (desk.error, desk.under_way) == (None, 3)
    assert set(server.accepted.values()) == {1}
    assert len(desk.files()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "call", ["POST /files", "POST /batches", "GET /batches/id", "GET /content"]
)
@pytest.mark.parametrize("way", ["status:500", "reset", "html", "rate_limit:retry-after=7"])
def test_call__a_fault_that_passes_is_tried_again(tmp_path, call, way):
    with BatchServer(calls={call: [way, way]}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
        assert desk.error is None
    assert desk.statuses() == {"ok": 2}
    assert len(desk.rests) == 2
    assert (7 in desk.rests) == ("retry-after" in way)
    assert set(server.accepted.values()) == {1}


@pytest.mark.parametrize("call", ["POST /files", "GET /batches/id"])
def test_call__a_server_that_turns_everybody_away_is_waited_for_longer_than_attempts_last(
    tmp_path, call
):
    with BatchServer(calls={call: ["status:503"] * 12}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
        assert desk.error is None
    assert desk.statuses() == {"ok": 2}
    assert len(desk.rests) == 12
    assert "as it says HTTP 503: The server had an error" in desk.waits[0]


def test_call__a_server_that_turns_everybody_away_is_given_up_after_ten_minutes(tmp_path):
    with BatchServer(calls={"POST /files": ["status:503"] * 500}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
    assert "within 10 min, got HTTP 503" in str(desk.error)
    assert 590 <= sum(desk.rests) <= 600


def test_call__a_wait_beyond_max_minutes_is_not_begun(tmp_path):
    with BatchServer(calls={"POST /files": ["rate_limit:retry-after=90"] * 9}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2), budget=Budget(Caps(seconds=60)))
    assert "within --max-minutes, got HTTP 429" in str(desk.error)
    assert desk.rests == []


def test_call__a_wait_of_hours_is_not_begun_and_says_when_to_come_back(tmp_path):
    with BatchServer(calls={"POST /files": ["rate_limit:retry-after=25920"]}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
    assert "come back after " in str(desk.error)
    assert desk.rests == []


@pytest.mark.parametrize(
    ("way", "remedy"),
    [
        ("unauthorised", "set OPENAI_API_KEY"),
        ("no_credit", "add credit"),
        ("status:403", "use a key"),
    ],
)
@pytest.mark.parametrize("call", ["POST /files", "GET /batches/id"])
def test_call__a_fault_that_no_retry_mends_ends_the_run_at_once(tmp_path, call, way, remedy):
    with BatchServer(looks=1, calls={call: [way] * 9}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
        assert remedy in str(desk.error)
        assert desk.rests == []
        server.calls.clear()
        desk.run(requests(2))
        assert desk.error is None
    assert set(server.accepted.values()) == {1}


def test_call__a_server_that_is_gone_is_one_sentence_and_loses_nothing(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
    desk.run(requests(2))
    assert "no connection" in str(desk.error)
    assert "\n" not in str(desk.error)
    assert desk.files() == [".json", ".jsonl"]
    assert batch_problems(tmp_path) == []


def test_answer__a_line_that_dooms_every_request_ends_the_run_with_the_remedy(tmp_path):
    with BatchServer(lines={1: "no_credit"}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        desk.run(requests(9))
        assert "add credit" in str(desk.error)
        assert desk.statuses() == {"ok": 2, "failed": 1}
        assert (len(server.batches), desk.files()) == (1, [])


def test_answer__a_batch_the_server_does_not_know_is_not_asked_again(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        known = dict(server.batches)
        server.batches.clear()
        desk.run(requests(5))
        assert "use the key it was submitted with" in str(desk.error)
        assert len(server.uploads) == 1
        server.batches.update(known)
        assert len(desk.run(requests(2))) == 2


def test_answer__results_the_server_has_thrown_away_are_asked_for_again(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        server.look("batch_0")
        server.files.pop(server.batches["batch_0"]["output_file_id"])
        assert desk.run(requests(2)) == []
        assert any("no file" in fault for fault in desk.faults)
        assert desk.under_way == 2


def test_answer__answers_whose_file_is_not_named_yet_are_waited_for(tmp_path):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        batch = server.look("batch_0")
        named, batch["output_file_id"] = batch["output_file_id"], None
        assert desk.run(requests(2)) == []
        assert (desk.under_way, len(server.uploads)) == (2, 1)
        assert any("no file is named yet" in fault for fault in desk.faults)
        batch["output_file_id"] = named
        assert len(desk.run(requests(2))) == 2


def test_answer__batches_at_another_server_are_told_and_not_asked_for_here(tmp_path):
    with BatchServer() as there, BatchServer() as here:
        Desk(there, tmp_path).run(requests(2))
        desk = Desk(here, tmp_path)
        desk.run(requests(3))
        assert desk.under_way == 3
        assert any(there.base_url in fault for fault in desk.faults)
        assert len(Desk(there, tmp_path).run([])) == 2
        assert [len(upload) for upload in here.uploads] == [1]


def test_budget__what_is_under_way_counts_until_it_is_home(tmp_path):
    with BatchServer(looks=1) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(9), budget=Budget(Caps(requests=4)))
        assert desk.under_way == 4
        budget = Budget(Caps(requests=6))
        desk.run(requests(9), budget=budget)
        assert (desk.under_way, budget.reached, budget.tokens) == (6, "--max-requests", 0)
        budget = Budget(Caps(), Price(prompt=1.0, completion=2.0))
        rows = desk.run(requests(4), budget=budget)
        assert len(rows) == 4
        used = sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for _, r in rows)
        cost = sum((r.prompt_tokens or 0) + 2 * (r.completion_tokens or 0) for _, r in rows) / 1e6
        assert (budget.tokens, budget.requests) == (used, 6)
        assert budget.cost_usd == pytest.approx(cost)
        assert sum(r.cost_usd or 0 for _, r in rows) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("end", "lines", "is_known"),
    [
        ("expired:1", {}, True),
        ("completed", {1: "status:400"}, True),
        ("completed", {1: "missing"}, False),
    ],
)
def test_budget__counts_in_full_what_nobody_knows_the_use_of(tmp_path, end, lines, is_known):
    with BatchServer(ends={0: end}, lines=lines) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        budget = Budget()
        desk.run([], budget=budget)
    used = sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for _, r in desk.rows)
    assert budget.tokens == used + (0 if is_known else most(requests(2)[1]).tokens)


def test_budget__a_cap_on_cost_lets_a_waiting_run_go_on_as_answers_come_in(tmp_path):
    price, each = Price(prompt=1.0, completion=1.0), most(requests(1)[0]).tokens
    with BatchServer(looks=1) as server:
        desk = Desk(server, tmp_path, wait=True)
        budget = Budget(Caps(cost_usd=4.5 * each / 1e6), price)
        desk.run(requests(20), budget=budget)
    assert budget.reached == "--max-cost"
    assert (budget.cost_usd or 0) <= 4.5 * each / 1e6
    assert len(server.uploads[0]) == 4
    assert 4 < len(desk.rows) < 20


@pytest.mark.parametrize("where", ["record", "requests"])
def test_answer__a_damaged_ledger_is_named_before_anything_is_asked(tmp_path, where):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        suffix = {"record": ".json", "requests": ".jsonl"}[where]
        (path,) = (tmp_path / BATCHES).glob(f"*{suffix}")
        path.write_bytes(path.read_bytes().replace(b"m", b"n", 1))
        called = len(server.called)
        desk.run(requests(2))
        assert isinstance(desk.error, CorruptError)
        assert str(path) in str(desk.error)
        assert len(server.called) == called


def test_answer__a_disk_that_refuses_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch):
    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        with monkeypatch.context() as patch:
            patch.setattr(
                Ledger, "temporary", lambda ledger, name: nullcontext(tmp_path / "no" / name)
            )
            desk.run(requests(2))
        assert "the disk refused a write" in str(desk.error)
        assert len(desk.run(requests(2))) == 2


def test_answer__a_reader_that_stops_leaves_the_batch_on_record_and_no_file_behind(tmp_path):
    async def first_of(server: BatchServer) -> Answer:
        provider = OpenAIBatchProvider(
            base_url=server.base_url, store_path=tmp_path, held=lambda name: set()
        )
        try:
            async with aclosing(provider.answer(requests(3), Budget())) as rows:
                async for row in rows:
                    return row
        finally:
            await provider.aclose()
        raise AssertionError

    with BatchServer() as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(3))
        asyncio.run(first_of(server))
        assert desk.files() == [".json", ".jsonl"]
        assert len(desk.run(requests(3))) == 3


@pytest.mark.parametrize("treat", ["echo", "unauthorised"])
def test_secret__the_key_is_in_no_row_error_fault_or_file(tmp_path, treat):
    with BatchServer(lines={0: treat}, calls={"GET /batches/id": ["unauthorised"]}) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
        shown = repr(desk.error) + repr(desk.faults)
        raised: BaseException | None = desk.error
        while raised is not None:
            shown += repr(raised) + repr(raised.__cause__) + repr(vars(raised))
            raised = raised.__context__
        desk.run(requests(2), keep=False)
        shown += repr(desk.rows) + repr(desk.error) + repr(desk.faults)
        stored = b"".join(path.read_bytes() for path in (tmp_path / BATCHES).iterdir())
    assert "canary" not in shown
    assert b"canary" not in stored
    assert "[key]" in shown


@pytest.mark.parametrize("prefix", [f"{CANARY}-", "x" * 300, "\u202e", "\n"])
def test_secret__an_id_that_is_none_is_neither_shown_nor_stored(tmp_path, prefix):
    with BatchServer(prefix=prefix) as server:
        desk = Desk(server, tmp_path)
        desk.run(requests(2))
        desk.run(requests(2))
    stored = b"".join(path.read_bytes() for path in (tmp_path / BATCHES).iterdir())
    shown = stored.decode() + str(desk.error) + str(desk.faults)
    assert "canary" not in shown
    assert "x" * 300 not in shown
    assert shown.isascii()


def test_provider__settings_that_cannot_be_meant_are_refused(tmp_path):
    with pytest.raises(UsageError):
        FileLimits(max_requests=0)
    with pytest.raises(UsageError):
        OpenAIBatchProvider(
            base_url="http://bob:hunter2@127.0.0.1/v1", store_path=tmp_path, held=lambda name: set()
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(7))
def test_run__killed_at_any_moment_asks_for_nothing_twice_and_loses_nothing(tmp_path, seed):
    chance, ended = random.Random(seed), Counter[int]()
    root = tmp_path / "store"
    with BatchServer(looks=1) as server, forker() as run:
        for _ in range(KILLS):
            if chance.random() < 0.5:
                server.stop_at(len(server.called) + chance.randrange(8), done=chance.random() < 0.5)
                ended[run(root, server, 0)] += 1
                server.go_on()
            else:
                ended[run(root, server, chance.randrange(1, 70))] += 1
            assert max(server.accepted.values(), default=1) == 1
            assert examine(Store.open(root, create=True).path).problems == []
            assert batch_problems(root) == []
        while len(stored(root)) < PLANNED:
            assert run(root, server, 0) == 0
        assert run(root, server, 0) == 0
    assert stored(root) == Counter(keys(requests(PLANNED)))
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == PLANNED
    assert list((root / BATCHES).iterdir()) == []
    assert ended[-signal.SIGKILL] > KILLS // 5
    assert ended[GONE] > KILLS // 5


def one_run(path: str, url: str, step: str) -> None:
    """What a forked child does: hand over, bring home, keep; gone before that disk step, if any."""
    if int(step):
        die_at(int(step))
    asyncio.run(_one_run(Path(path), url))


async def _one_run(path: Path, url: str) -> None:
    store = Store.open(path, create=True)
    with store.writer() as writer:
        left = writer.recover()
        writer.commit(tables(left.rows), retired_journals=left.journals)
        done = set(stored(path))
        planned = [request for request in requests(PLANNED) if request.request_key not in done]
        tokens = 12 * most(request_of(0)).tokens
        provider = OpenAIBatchProvider(
            base_url=url,
            store_path=path,
            held=partial(held_answers, store),
            limits=FileLimits(max_requests=4, enqueued_tokens=tokens),
        )
        rows, journal = [], writer.start_journal("run")
        try:
            async for row in provider.answer(planned, Budget()):
                journal.append(*row)
                journal.flush()
                rows.append(row)
        finally:
            await provider.aclose()
        writer.commit(tables(rows), retired_journals=[journal.name])
        provider.committed()


def tables(rows: Iterable[Answer]) -> dict[str, Any]:
    some = list(rows)
    return {
        "requests": to_table(Request, [request for request, _ in some]),
        "responses": to_table(Response, [response for _, response in some]),
    }


def stored(path: Path) -> Counter[str]:
    table = Store.open(path).table("responses", ("request_key",))
    return Counter(table["request_key"].to_pylist())


def die_at(step: int) -> None:
    """Be gone without a word before the ``step``-th change to the disk."""
    steps = count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if next(steps) == step:
                os._exit(GONE)
            return real(*args, **named)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


@contextmanager
def forker() -> Iterator[Callable[[Path, BatchServer, int], int]]:
    """Gives ``run(store, server, step) -> exit status``; killed when a call is stuck."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        feed, output = process.stdin, process.stdout
        assert feed is not None
        assert output is not None

        def run(store: Path, server: BatchServer, step: int) -> int:
            feed.write(f"{store}\t{server.base_url}\t{step}\n".encode())
            child = int(output.readline())
            while not select.select([output], [], [], 0.005)[0]:
                if server.stuck.is_set():
                    os.kill(child, signal.SIGKILL)
                    break
            return int(output.readline())

        yield run
        feed.close()


@pytest.mark.slow
def test_import__does_not_import_the_sdk():
    code = (
        "import sys, langseg.descriptors.providers.batch.provider;"
        "print('openai' in sys.modules, 'httpx2' in sys.modules, 'pyarrow.parquet' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == ["False", "False"]


def requests(number: int) -> list[Request]:
    return [request_of(n) for n in range(number)]


def request_of(number: int) -> Request:
    entry = ClassEntry(name=f"object {number}", id=number, synonyms=())
    return Request(
        request_key=sha256_hex(f"key {number}"),
        class_name=entry.name,
        sense="",
        scene="*",
        sample_index=0,
        model="m",
        prompt_id="p",
        params_json='{"max_completion_tokens": 400, "seed": null}',
        messages_json=canonical_json(PROMPT.messages(entry, "*")),
        schema_json=canonical_json(PROMPT.schema("*")),
    )


def keys(some: Iterable[Request]) -> set[str]:
    return {request.request_key for request in some}


def all_rows(desk: Desk) -> list[Answer]:
    return list(desk.stored.values())
