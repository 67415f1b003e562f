"""Ask a provider for every request of a plan that the store has not settled, and keep each answer.

In:  a vocabulary, a prompt, a provider, a store.
Out: requests, responses, descriptors and texts in the store, and a report.

An answer is on disk, in the journal, before it is counted and before the next request leaves;
commits move whole batches into the store. Whatever ends a run, what was answered is committed, or
is recovered by the next run: only requests that were under way at a kill are asked again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from langseg.cache.errors import BudgetError, UsageError
from langseg.cache.journal import Journal
from langseg.cache.records import Request, Response
from langseg.cache.store import Store, StoreWriter
from langseg.descriptors.ingest import (
    Answer,
    answer_tables,
    parsed,
    settled_and_invalid,
    settled_keys,
    settles,
)
from langseg.descriptors.plan import open_requests, plan_requests
from langseg.descriptors.prompts import Prompt
from langseg.descriptors.providers import Provider
from langseg.descriptors.tally import GenerateReport, Tally
from langseg.descriptors.vocabulary import Vocabulary

__all__ = ["EventListener", "GenerateReport", "Pace", "generate", "settled_keys"]

EventListener = Callable[[str, GenerateReport], None]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many answers may come at once: they reach the journal as soon as no further one is
    waiting, and ``flush_answers`` at a time; the store after ``commit_answers`` and at the end."""

    flush_answers: int = 32
    commit_answers: int = 5000


def generate(
    vocabulary: Vocabulary,
    provider: Provider,
    store: Store,
    *,
    prompt: Prompt,
    model: str,
    params: Mapping[str, Any],
    samples: int = 1,
    max_requests: int | None = None,
    on_event: EventListener | None = None,
    pace: Pace | None = None,
) -> GenerateReport:
    """Generate what is missing; a second run on the same store asks nothing.

    Args:
        provider: is closed at the end.
        max_requests: hard stop for this run, second tries and failures counted; None for none.
        on_event: called with ``planned``, ``answered`` (after each flush) or ``committed``, and
            the report so far.

    Raises: BudgetError, when ``max_requests`` ended the run, and UpstreamError, when the provider
    gave up: what was answered is committed first, as it is on Ctrl-C. UsageError,
    LockedError, CorruptError, before anything is asked. Requests that fail one by one do not
    raise: see ``still_open`` of the report.
    """
    if max_requests is not None and max_requests < 1:
        raise UsageError(f"max-requests: wanted at least 1, got {max_requests}")
    requests = plan_requests(vocabulary, prompt, model, params, samples)
    with store.writer() as writer:
        run = _Run(requests, provider, store, writer, pace or Pace(), on_event)
        run.recover()
        try:
            asyncio.run(run.ask(max_requests))
        finally:
            run.commit()
        return run.report()


class _Run:
    """One run: what is settled, what is on its way to the disk, what is counted."""

    def __init__(
        self,
        requests: Sequence[Request],
        provider: Provider,
        store: Store,
        writer: StoreWriter,
        pace: Pace,
        on_event: EventListener | None,
    ) -> None:
        self._requests = {request.request_key: request for request in requests}
        self._provider, self._store, self._writer, self._pace = provider, store, writer, pace
        self._on_event = on_event or (lambda kind, report: None)
        self._run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"
        self._journal: Journal | None = None
        self._appended: list[Answer] = []  # not on disk yet
        self._landed: list[Answer] = []  # in the journal, not in the store yet
        self._flush_is_due = False
        self._flush_error: Exception | None = None
        self._settled: set[str] = set()  # of this plan
        self._invalid: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()
        self._again: list[Request] = []
        self._cached = self._recovered = 0
        self._tally = Tally()

    def recover(self) -> None:
        """Commit what dead runs journalled, then see what is left to ask."""
        left = self._writer.recover()
        if left.rows:
            answers = [parsed(row) for row in left.rows]
            self._writer.commit(answer_tables(answers), retired_journals=left.journals)
        self._recovered = len(left.rows)
        settled, self._invalid = settled_and_invalid(self._store)
        self._settled = settled & self._requests.keys()
        self._cached = len(self._settled)
        self._on_event("planned", self.report())

    async def ask(self, max_requests: int | None) -> None:
        """Ask what is open, then once more what came back invalid. Raises: BudgetError."""
        todo = open_requests(tuple(self._requests.values()), self._settled)
        budget = 2 * len(todo) if max_requests is None else max_requests
        left = max(budget - len(todo), 0)
        try:
            await self._stream(todo[:budget])
            again = tuple(self._again)
            await self._stream(again[:left])
        finally:
            await self._provider.aclose()
        unasked = len(todo[budget:]) + len(again[left:])
        if unasked:
            raise BudgetError(
                f"generate: asked {max_requests} requests, all that --max-requests allows, and "
                f"{unasked} are left; the answers are committed, run the same command to go on"
            )

    def commit(self) -> None:
        """Move what the journal holds into the store."""
        if self._journal is None:
            return
        self._writer.commit(answer_tables(self._landed), retired_journals=[self._journal.name])
        self._journal, self._landed = None, []
        self._on_event("committed", self.report())

    def report(self) -> GenerateReport:
        """What was done so far."""
        return GenerateReport(
            run_id=self._run_id,
            planned=len(self._requests),
            cached=self._cached,
            recovered=self._recovered,
            still_open=len(self._requests) - len(self._settled),
            manifest=self._store.manifest.name,
            **self._tally.snapshot(),
        )

    async def _stream(self, requests: Sequence[Request]) -> None:
        """Ask, and keep every answer that is yielded, whatever ends the asking."""
        if not requests:
            return
        try:
            async with aclosing(self._provider.answer(requests)) as answers:
                async for response in answers:
                    self._take(response)
                    self._flush_when_idle()
        except asyncio.CancelledError:
            if self._flush_error is not None:
                raise self._flush_error from None
            raise
        finally:
            self._flush()

    def _flush_when_idle(self) -> None:
        """Flush once no answer is waiting: the loop gets its turn only when the provider waits,
        and then this comes before the request that takes the answered one's place."""
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush_idle, asyncio.current_task())

    def _flush_idle(self, stream: "asyncio.Task[Any] | None") -> None:
        """Flush; a disk that fails ends the asking, which costs money."""
        self._flush_is_due = False
        try:
            self._flush()
        except Exception as exc:
            self._flush_error = exc
            if stream is not None:
                stream.cancel()

    def _take(self, response: Response) -> None:
        key = response.request_key
        request = self._requests[key]
        self._tries[key] += 1
        response = replace(response, attempt=self._tries[key], run_id=self._run_id)
        _, reply = parsed((request, response))
        if reply is not None:
            response = replace(response, status=reply.status, error=reply.error)
        if self._journal is None:
            self._journal = self._writer.start_journal(self._run_id)
        self._journal.append(request, response)
        self._appended.append(((request, response), reply))
        if len(self._appended) >= self._pace.flush_answers:
            self._flush()

    def _flush(self) -> None:
        """Put appended answers on disk, then count them."""
        if self._journal is None or not self._appended:
            return
        appended, self._appended = self._appended, []
        try:
            self._journal.flush()
        finally:  # where the journal failed, the commit at the end still tries to save them
            self._landed += appended
        for (request, response), reply in appended:
            self._tally.count(response, reply)
            self._settle(request, response)
        self._on_event("answered", self.report())
        if len(self._landed) >= self._pace.commit_answers:
            self.commit()

    def _settle(self, request: Request, response: Response) -> None:
        key = request.request_key
        self._invalid[key] += response.status == "invalid"
        if settles(response.status, self._invalid[key]):
            self._settled.add(key)
        elif response.status == "invalid":
            self._again.append(request)
