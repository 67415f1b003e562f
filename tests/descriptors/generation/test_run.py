"""A run keeps every answer it was given, asks nothing twice, and can be cut off anywhere."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from langseg.cache.errors import BudgetError, InputError, LangSegError, LockedError, UpstreamError
from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer, Journal
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.generation import answers
from langseg.descriptors.generation.answers import Pace
from langseg.descriptors.generation.report import GenerateReport
from langseg.descriptors.generation.run import generate
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.providers.base import AnswersAtOnce
from langseg.descriptors.providers.budget import Budget, Caps
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt
from tests.support.repository import ROOT
from tests.support.until import PATIENCE_S

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=f"thing{i}", id=i) for i in range(1, 11)),
    ignore_ids=(0, 255),
    scenes={"kitchen": ("thing1", "thing2")},
)
PLANNED = 12
SMALL = some_prompt(n_attributes=2, n_subclasses=1, n_scene_attributes=1)


def good_text(request: Request) -> str:
    text = f"{request.class_name[5:]} stripes in {request.scene.replace('*', 'general')}"
    attributes = [{"slot": "shape", "text": text}, {"slot": "colour", "text": "very pale hue"}]
    subclass = {"name": "old kind", "parent": request.class_name, "descriptors": []}
    return json.dumps({"attributes": attributes, "subclasses": [subclass]})


def response(request: Request, **changes: object) -> Response:
    made = Response(
        request_key=request.request_key, attempt=1, status="ok", raw_text=good_text(request),
        finish_reason="stop", provider="replay", dialect="", served_model="m-1",
        system_fingerprint="",
        prompt_tokens=100, completion_tokens=50, cached_tokens=None, cost_usd=0.25,
        latency_s=0.1, created_at="2026-11-21T00:00:00+00:00", error="", run_id="",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def cut(request: Request) -> Response:
    """Half of a good reply, as a token limit leaves it."""
    text = good_text(request)
    return response(request, status="truncated", raw_text=text[: len(text) // 2])


class ReplayProvider(AnswersAtOnce):
    """Answers by a function of (request, how often it was asked before); counts the asking.

    ``at`` maps the number of an answer to what happens instead of it; ``burst`` answers come at
    once, then the provider waits.
    """

    name = "replay"

    def __init__(
        self,
        say: Callable[[Request, int], Response] = lambda request, before: response(request),
        at: dict[int, Callable[[], None]] | None = None,
        burst: int = 1,
    ) -> None:
        self._say, self._at, self._burst = say, at or {}, burst
        self.asked: list[str] = []
        self.closed = False

    async def answer(
        self, requests: Iterable[Request], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        for request in reversed(list(requests)):  # any order is allowed
            hold = budget.take(request)
            if hold is None:
                return
            budget.settle(hold, (0, 0))
            self._at.get(len(self.asked), lambda: None)()
            if len(self.asked) % self._burst == 0:
                await asyncio.sleep(0)
            before = self.asked.count(request.request_key)
            self.asked.append(request.request_key)
            yield request, self._say(request, before)

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def run(provider: ReplayProvider, store: Store, **options: object) -> GenerateReport:
    asked = {"model": "m", "params": {"temperature": 0}, "samples": 1}
    asked |= {name: options.pop(name) for name in list(options) if name in asked}
    plan = describe_requests(ROOMS, SMALL, **asked)  # type: ignore[arg-type]
    return generate([plan], provider, store, **options)  # type: ignore[arg-type]


def statuses(store: Store) -> list[str]:
    return sorted(store.table("responses")["status"].to_pylist())


def raise_(error: BaseException) -> Callable[[], None]:
    def throw() -> None:
        raise error

    return throw


def test_generate__fills_every_table_of_the_store(store: Store):
    provider = ReplayProvider()
    report = run(provider, store)
    assert (report.planned, report.cached, report.asked, report.still_open) == (PLANNED, 0, 12, 0)
    assert report.statuses == {"ok": PLANNED}
    assert (report.prompt_tokens, report.completion_tokens, report.cost_usd) == (1200, 600, 3.0)
    assert report.manifest == store.manifest.name
    assert provider.closed
    counts = {name: store.table(name).num_rows for name in ("requests", "responses", "texts")}
    assert counts == {"requests": PLANNED, "responses": PLANNED, "texts": PLANNED + 2}
    assert accepted_phrases(store) == report.accepted == 10 * 3 + 2
    assert set(store.table("responses")["run_id"].to_pylist()) == {report.run_id}
    assert examine(store.path).problems == []
    assert list((store.path / "journal").iterdir()) == []


def accepted_phrases(store: Store) -> int:
    return sum(not rejected for rejected in store.table("descriptors")["rejected"].to_pylist())


def test_second_run__asks_nothing_and_changes_nothing(store: Store):
    run(ReplayProvider(), store)
    before = store.manifest.name
    again = ReplayProvider()
    report = run(again, store)
    assert again.asked == []
    assert (report.cached, report.asked, report.cost_usd) == (PLANNED, 0, 0.0)
    assert store.manifest.name == before
    assert again.closed


def test_other_model__shares_no_answer(store: Store):
    run(ReplayProvider(), store)
    assert run(ReplayProvider(), store, model="other").asked == PLANNED


def test_more_samples__ask_only_for_the_new_ones(store: Store):
    run(ReplayProvider(), store)
    assert run(ReplayProvider(), store, samples=3).asked == 2 * PLANNED


def test_answer__is_in_the_journal_before_it_is_counted(store: Store):
    journalled = []

    def listen(kind: str, report: GenerateReport) -> None:
        if kind == "answered":
            lines = [p.read_bytes().count(b"\n") for p in (store.path / "journal").iterdir()]
            journalled.append((report.asked, sum(lines)))

    run(ReplayProvider(burst=99), store, on_event=listen, pace=Pace(flush_answers=5))
    assert journalled == [(5, 5), (10, 10), (12, 12)]


def test_answers__are_flushed_while_the_provider_is_silent(store: Store):
    class SlowProvider(ReplayProvider):
        async def answer(self, requests, budget):
            first, *others = requests
            yield first, response(first)
            await asyncio.wait_for(flushed.wait(), PATIENCE_S)
            async for one in super().answer(others, budget):
                yield one

    flushed = asyncio.Event()

    def listen(kind: str, report: GenerateReport) -> None:
        if kind == "answered":
            flushed.set()

    assert run(SlowProvider(), store, on_event=listen).asked == PLANNED


def test_answer__is_on_disk_before_the_next_request_leaves(store: Store):
    class WatchingProvider(ReplayProvider):
        async def answer(self, requests, budget):
            for number, request in enumerate(requests, 1):
                yield request, response(request)
                leaving = asyncio.create_task(self.leave())
                await leaving
                journalled.append((number, leaving.result()))

        async def leave(self) -> int:
            return sum(p.read_bytes().count(b"\n") for p in (store.path / "journal").iterdir())

    journalled: list[tuple[int, int]] = []
    run(WatchingProvider(), store)
    assert journalled == [(number, number) for number in range(1, PLANNED + 1)]


def test_answers_that_wait_together__share_one_flush(store: Store):
    seen: list[int] = []
    provider = ReplayProvider(burst=4)
    run(provider, store, on_event=lambda kind, r: seen.append(r.asked) if kind[0] == "a" else None)
    assert seen == [4, 8, 12]


def test_reply__is_parsed_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    parsed: list[str] = []

    def counted(raw_text: str, request: Request) -> ParsedReply:
        parsed.append(request.request_key)
        return parse_reply(raw_text, request)

    monkeypatch.setattr(answers, "parse_reply", counted)
    run(ReplayProvider(), store)
    assert len(parsed) == len(set(parsed)) == PLANNED


def test_events__come_in_order_with_growing_counts(store: Store):
    seen = []
    pace = Pace(flush_answers=4, commit_answers=8)
    provider = ReplayProvider(burst=99)
    run(provider, store, pace=pace, on_event=lambda kind, r: seen.append((kind, r.asked)))
    assert seen == [
        ("planned", 0), ("answered", 4), ("answered", 8), ("committed", 8),
        ("answered", 12), ("committed", 12), ("ended", 12),
    ]  # fmt: skip
    assert examine(store.path).problems == []


def test_invalid_reply__is_asked_for_once_more_and_then_stands(store: Store):
    def say(request: Request, before: int) -> Response:
        if request.class_name == "thing3" or (request.class_name == "thing4" and not before):
            return response(request, raw_text="no JSON")
        return response(request)

    report = run(ReplayProvider(say), store)
    assert (report.asked, report.reasked, report.still_open) == (14, 2, 0)
    assert report.statuses == {"ok": 11, "invalid": 3}
    table = store.table("responses").to_pylist()
    tries = {(r["attempt"], r["status"]) for r in table if r["request_key"] in _twice(table)}
    assert tries == {(1, "invalid"), (2, "invalid"), (2, "ok")}
    assert all(r["error"] for r in table if r["status"] == "invalid")
    again = ReplayProvider(say)
    assert run(again, store).asked == 0


def _twice(table: list[dict[str, object]]) -> set[object]:
    keys = [row["request_key"] for row in table]
    return {key for key in keys if keys.count(key) == 2}


@pytest.mark.parametrize("status", ["refused", "empty", "truncated"])
def test_unusable_answer__is_asked_for_once_more_and_then_stands(status: str, store: Store):
    def say(request: Request, before: int) -> Response:
        return response(request, status=status, raw_text="")

    report = run(ReplayProvider(say), store)
    assert report.statuses == {status: 2 * PLANNED if status != "truncated" else PLANNED}
    assert (report.still_open, store.table("descriptors").num_rows) == (0, 0)
    assert run(ReplayProvider(), store).asked == 0


def limit(request: Request) -> int:
    return int(json.loads(request.params_json)["max_completion_tokens"])


def test_cut_reply__is_asked_for_with_a_longer_limit_and_no_oftener_than_twice(store: Store):
    def say(request: Request, before: int) -> Response:
        needs = {"thing3": 150, "thing4": 10_000}.get(request.class_name, 0)
        return cut(request) if limit(request) < needs else response(request)

    limited = {"max_completion_tokens": 100}
    report = run(ReplayProvider(say), store, params=limited)
    assert report.statuses == {"ok": 11, "truncated": 4}
    assert report.still_open == 0
    requests = store.table("requests").to_pylist()
    limits = [limit(Request(**r)) for r in requests if r["class_name"] in ("thing3", "thing4")]
    assert sorted(limits) == [100, 100, 200, 200, 400]
    again = ReplayProvider(say)
    report = run(again, store, params=limited)
    assert (report.cached, report.unusable, report.missing, again.asked) == (11, 1, ("thing4",), [])


def test_cut_reply__goes_on_with_the_longer_limit_after_a_stop(store: Store):
    def say(request: Request, before: int) -> Response:
        return response(request) if limit(request) > 100 else cut(request)

    limited = {"max_completion_tokens": 100}
    with pytest.raises(BudgetError, match="10 are left"):
        run(ReplayProvider(say), store, params=limited, budget=Budget(Caps(requests=14)))
    second = ReplayProvider(say)
    assert run(second, store, params=limited).statuses == {"ok": 10}


def test_only_failed__asks_again_what_was_asked_in_vain_and_nothing_else(store: Store):
    def say(request: Request, before: int) -> Response:
        status = {"thing2": "refused", "thing3": "failed", "thing4": "empty"}
        return response(request, status=status.get(request.class_name, "ok"))

    with pytest.raises(BudgetError):  # so that some requests were never asked
        run(ReplayProvider(say), store, budget=Budget(Caps(requests=PLANNED - 1)))
    never = {"thing1"}
    mended = ReplayProvider()
    report = run(mended, store, only_failed=True)
    rows = store.table("requests").to_pylist()
    names = {r["class_name"] for r in rows if r["request_key"] in mended.asked}
    assert names == {"thing2", "thing3", "thing4"}
    assert (report.planned, report.cached, report.still_open) == (4, 0, 0)
    assert report.statuses == {"ok": 4}
    assert run(ReplayProvider(), store, only_failed=True).asked == 0
    assert run(ReplayProvider(), store).asked == len(never)


def test_only_failed__gives_used_up_tries_once_more(store: Store):
    refused = ReplayProvider(lambda r, n: response(r, status="refused"))
    run(refused, store)
    report = run(refused, store, only_failed=True)
    assert report.statuses == {"refused": 2 * PLANNED}
    assert run(refused, store).asked == 0


def test_failed_request__is_recorded_and_asked_again_by_the_next_run(store: Store):
    def say(request: Request, before: int) -> Response:
        lost = request.scene == "kitchen"
        changes = {"status": "failed", "raw_text": "", "error": "HTTP 503", "cost_usd": None,
                   "prompt_tokens": None, "completion_tokens": None}  # fmt: skip
        return response(request, **(changes if lost else {}))

    report = run(ReplayProvider(say), store)
    assert (report.still_open, report.statuses["failed"], report.reasked) == (2, 2, 0)
    assert (report.cost_usd, report.prompt_tokens) == (2.5, 1000)  # a failure is no unknown price
    second = ReplayProvider()
    assert run(second, store).still_open == 0
    assert len(second.asked) == 2
    assert statuses(store) == ["failed"] * 2 + ["ok"] * 12
    assert run(ReplayProvider(), store).asked == 0


def test_unknown_cost__is_none_and_never_zero(store: Store):
    report = run(ReplayProvider(lambda r, n: response(r, cost_usd=None, prompt_tokens=None)), store)
    assert (report.cost_usd, report.prompt_tokens, report.completion_tokens) == (None, None, 600)


def test_request_the_provider_forgets__stays_open(store: Store):
    class ForgetfulProvider(ReplayProvider):
        def answer(self, requests, budget):
            return super().answer(list(requests)[1:], budget)

    assert run(ForgetfulProvider(), store).still_open == 1


def test_max_requests__stops_hard_commits_and_goes_on_next_time(store: Store):
    first = ReplayProvider()
    with pytest.raises(BudgetError, match="--max-requests is reached after 5 .* 7 are left"):
        run(first, store, budget=Budget(Caps(requests=5)))
    assert first.closed
    assert (len(first.asked), statuses(store)) == (5, ["ok"] * 5)
    second = ReplayProvider()
    assert run(second, store, budget=Budget(Caps(requests=7))).still_open == 0
    assert len(second.asked) == 7
    assert not set(first.asked) & set(second.asked)


def test_max_requests__counts_second_tries(store: Store):
    def say(request: Request, before: int) -> Response:
        return response(request, raw_text="no JSON")

    first = ReplayProvider(say)
    with pytest.raises(BudgetError, match=" 10 are left"):
        run(first, store, budget=Budget(Caps(requests=PLANNED + 2)))
    assert len(first.asked) == 14
    second = ReplayProvider(say)  # the ten second tries that are left, and no third
    assert run(second, store).still_open == 0
    assert len(second.asked) == 10


@pytest.mark.parametrize("error", [UpstreamError("401"), BudgetError("spent"), ValueError("bug")])
def test_error_of_the_provider__is_raised_after_what_was_answered_is_committed(
    error: Exception, store: Store
):
    broken = ReplayProvider(at={4: raise_(error)})
    with pytest.raises(type(error)) as caught:
        run(broken, store)
    assert caught.value is error
    assert broken.closed
    assert statuses(store) == ["ok"] * 4
    assert run(ReplayProvider(), store).asked == PLANNED - 4


def test_ctrl_c__commits_what_was_answered_and_ends_the_run(store: Store):
    broken = ReplayProvider(at={7: lambda: signal.raise_signal(signal.SIGINT)})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            run(broken, store)
    finally:
        signal.signal(signal.SIGINT, before)
    assert broken.closed
    assert statuses(store) == ["ok"] * 7
    assert run(ReplayProvider(), store).asked == PLANNED - 7


DIES = """
import os, sys
from pathlib import Path
from tests.descriptors.generation.test_run import ReplayProvider, Store, Pace, run
store = Store.open(Path(sys.argv[1]), create=True)
def die_after_six(kind, report):
    if report.asked >= 6:
        os._exit(9)
run(ReplayProvider(), store, on_event=die_after_six)
"""


@pytest.mark.slow
def test_dead_run__leaves_paid_answers_that_the_next_run_recovers(tmp_path: Path):
    where = [str(tmp_path / "store")]
    died = subprocess.run([sys.executable, "-c", DIES, *where], cwd=ROOT)
    assert died.returncode == 9
    store = Store.open(tmp_path / "store")
    assert store.table("responses").num_rows == 0
    provider = ReplayProvider()
    report = run(provider, store)
    assert (report.recovered, report.cached, len(provider.asked)) == (6, 6, PLANNED - 6)
    assert statuses(store) == ["ok"] * PLANNED
    assert accepted_phrases(store) == 10 * 3 + 2
    assert examine(store.path).problems == []


def test_disk_that_fails__ends_the_asking_and_still_saves_what_it_can(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    flush = Journal.flush

    def full(journal: Journal) -> None:
        flush(journal)
        raise LangSegError("disk full")

    class PatientProvider(ReplayProvider):
        async def answer(self, requests, budget):
            first = next(iter(requests))
            yield first, response(first)
            await asyncio.sleep(5)
            waited.append(5)

    waited: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "flush", full)
        with pytest.raises(LangSegError, match="disk full"):
            run(PatientProvider(), store)
    assert not waited
    assert run(ReplayProvider(), Store.open(store.path)).asked == PLANNED - 1


@pytest.mark.slow
def test_hostile_reply__is_stored_and_breaks_nothing(store: Store):
    hostile = ["\ud800", "\x00\x1b[2J\u202e", "[" * 100_000, "<html>", "x" * 2_000_000]

    def say(request: Request, before: int) -> Response:
        return response(request, raw_text=hostile[int(request.class_name[5:]) % 5], error="\udc00")

    report = run(ReplayProvider(say), store)
    assert report.statuses == {"invalid": 2 * PLANNED}
    assert examine(store.path).problems == []
    assert "\ufffd" in store.table("responses")["raw_text"].to_pylist()


def test_running_beside_another_writer__is_refused_before_anything_is_asked(store: Store):
    provider = ReplayProvider()
    with Store.open(store.path).writer(), pytest.raises(LockedError):
        run(provider, store)
    assert provider.asked == []


def test_store_that_is_not_there__is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError):
        run(ReplayProvider(), Store.open(tmp_path / "none"))
