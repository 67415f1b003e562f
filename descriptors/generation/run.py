"""Ask a provider for every request of a plan that the store has not settled, and keep each answer.

In:  plans, a provider, a store, a budget.
Out: requests, responses, descriptors and texts in the store, and a report.

An answer is on disk, in the journal, before it is counted and before the next request leaves;
commits move whole batches into the store. Whatever ends a run, what was answered is committed, or
is recovered by the next run: only requests that were under way at a kill are asked again.

Memory: the plan is read, not held; what is held is at most ``Pace.commit_answers`` answers and
the keys of what is answered.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from langseg.cache.errors import BudgetError
from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer, Journal
from langseg.cache.store.store import Store
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.generation.report import GenerateReport, Tally
from langseg.descriptors.generation.settled import (
    Answered,
    ParsedAnswer,
    answer_tables,
    answered,
    parsed,
)
from langseg.descriptors.prompts.plan import Plan
from langseg.descriptors.providers.base import Provider
from langseg.descriptors.providers.budget import Budget

EventListener = Callable[[str, GenerateReport], None]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many answers may come at once: they reach the journal as soon as no further one is
    waiting, and ``flush_answers`` at a time; the store after ``commit_answers`` and at the end."""

    flush_answers: int = 32
    commit_answers: int = 5000


def generate(
    plans: Iterable[Plan],
    provider: Provider,
    store: Store,
    *,
    budget: Budget | None = None,
    only_failed: bool = False,
    wait_s: float = 0.0,
    on_event: EventListener | None = None,
    pace: Pace | None = None,
) -> GenerateReport:
    """Generate what is missing; a second run on the same store asks nothing.

    Args:
        plans: asked one after the other; each is drawn when the answers to those before it are
            in the store, so it may be made of them.
        provider: is closed at the end.
        budget: what this run may use; None for no cap.
        only_failed: ask only what was asked before in vain, also where the tries were used up.
        wait_s: how long to wait for another writer of the store to end.
        on_event: called with ``planned``, ``answered`` (after each flush) or ``committed``, and
            the report so far.

    Raises: BudgetError, when the budget ended the run, and UpstreamError, when the provider gave
    up: what was answered is committed first, as it is on Ctrl-C. LockedError, CorruptError,
    before anything is asked. Requests that fail one by one do not raise: see ``still_open`` of
    the report.
    """
    with store.writer(wait_s) as writer:
        run = _Run(provider, store, writer, budget or Budget(), pace or Pace(), on_event)
        run.recover(only_failed)
        try:
            asyncio.run(run.ask(plans))
        finally:
            run.commit()
        return run.report()


class _Run:
    """One run: what is settled, what is on its way to the disk, what is counted."""

    def __init__(
        self,
        provider: Provider,
        store: Store,
        writer: StoreWriter,
        budget: Budget,
        pace: Pace,
        on_event: EventListener | None,
    ) -> None:
        self._provider, self._budget = provider, budget
        self._store, self._writer, self._pace = store, writer, pace
        self._on_event = on_event or (lambda kind, report: None)
        self._run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"
        self._journal: Journal | None = None
        self._appended: list[ParsedAnswer] = []  # not on disk yet
        self._landed: list[ParsedAnswer] = []  # in the journal, not in the store yet
        self._flush_is_due = False
        self._flush_error: Exception | None = None
        self._answered = Answered()
        self._only_failed = False
        self._handed_out: set[str] = set()  # keys of this plan that are with the provider
        self._longer: dict[str, Request] = {}  # key of one with a longer reply -> as it was planned
        self._came_unasked = False  # an answer to a request that was not handed out, or not yet
        self._tries: dict[str, int] = {}  # of requests that are asked again
        self._again: list[Request] = []
        self._planned = self._cached = self._open = self._recovered = 0
        self._started = time.monotonic()
        self._tally = Tally()

    def recover(self, only_failed: bool) -> None:
        """Commit what dead runs journalled, then see what is settled."""
        left = self._writer.recover()
        if left.rows:
            answers = [parsed(row) for row in left.rows]
            self._writer.commit(answer_tables(answers), retired_journals=left.journals)
        self._recovered = len(left.rows)
        self._answered, self._only_failed = answered(self._store), only_failed
        if only_failed:
            self._answered.forgive()

    async def ask(self, plans: Iterable[Plan]) -> None:
        """Ask what is open, then again what came back unusable. Raises: BudgetError."""
        try:
            await self._keep(self._provider.collect(self._budget))
            self._tally.collected, self._tally.asked = self._tally.asked, 0
            for plan in plans:
                before = self._open
                self._draw(plan)
                if self._budget.reached:  # it is only told how much is left
                    continue
                await self._stream(self._to_ask(plan))
                while self._again and not self._budget.reached:
                    again, self._again = self._again, []
                    await self._stream(again)
                self.commit()
                if self._came_unasked:
                    self._open = before + sum(1 for _ in self._to_ask(plan))
        finally:
            await self._provider.aclose()
        left = self._open - self._provider.under_way
        if self._budget.reached and left:
            made, cap = self._budget.requests, self._budget.reached
            go_on = "run the same command again to go on" if made else f"raise {cap}"
            raise BudgetError(
                f"generate: {cap} is reached after {made} requests, and {left} are left; the "
                f"answers are committed, {go_on}"
            )

    def commit(self) -> None:
        """Move what the journal holds into the store."""
        if self._journal is not None:
            journals = [self._journal.name]
            self._writer.commit(answer_tables(self._landed), retired_journals=journals)
            self._journal, self._landed = None, []
            self._on_event("committed", self.report())
        self._provider.committed()

    def report(self) -> GenerateReport:
        """What was done so far."""
        return GenerateReport(
            run_id=self._run_id,
            planned=self._planned,
            cached=self._cached,
            recovered=self._recovered,
            attempts=self._budget.requests,
            most_tokens=self._budget.tokens,
            most_cost_usd=self._budget.cost_usd,
            still_open=self._open,
            seconds=time.monotonic() - self._started,
            manifest=self._store.manifest.name,
            **self._tally.snapshot(),
        )

    def _draw(self, plan: Plan) -> None:
        """Count what one more plan leaves to ask."""
        left = sum(1 for _ in self._to_ask(plan))
        planned = left if self._only_failed else len(plan)
        self._open += left
        self._planned += planned
        self._cached += planned - left
        self._on_event("planned", self.report())

    def _to_ask(self, plan: Plan) -> Iterator[Request]:
        """The requests of a plan that are open, as they are to be asked now."""
        for planned in plan:
            request = self._answered.to_ask(planned)
            if request and (not self._only_failed or self._answered.was_asked(planned)):
                yield self._noted(planned, request)

    def _noted(self, planned: Request, request: Request) -> Request:
        """``request``, which is asked for ``planned``: itself, or with room for a longer reply."""
        if request is not planned:
            self._longer[request.request_key] = planned
        return request

    def _handing_out(self, requests: Iterable[Request]) -> Iterator[Request]:
        for request in requests:
            self._handed_out.add(request.request_key)
            yield request

    async def _stream(self, requests: Iterable[Request]) -> None:
        """Ask, and keep what is answered."""
        await self._keep(self._provider.answer(self._handing_out(requests), self._budget))

    async def _keep(self, rows: AsyncGenerator[Answer, None]) -> None:
        """Keep every answer that is yielded, whatever ends the asking."""
        try:
            async with aclosing(rows) as answers:
                async for row in answers:
                    self._take(row)
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

    def _take(self, row: Answer) -> None:
        request, response = row
        key = response.request_key
        if not response.run_id:
            attempt = self._tries.get(key, 0) + 1
            response = replace(response, attempt=attempt, run_id=self._run_id)
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
        """See what an answer leaves to ask; one to a request of another plan leaves nothing."""
        key = response.request_key
        self._answered.note(key, response.status)
        if key not in self._handed_out:
            self._came_unasked = True
            return
        self._handed_out.discard(key)
        planned = self._longer.get(key, request)
        again = self._answered.to_ask(planned)
        if again is None:
            self._open -= 1
        elif response.status != "failed":  # its retries are used up; a later run asks again
            self._tries[again.request_key] = response.attempt if again.request_key == key else 0
            self._again.append(self._noted(planned, again))
