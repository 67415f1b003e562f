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
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from langseg.cache.ctrl_c import run_async
from langseg.cache.errors import BudgetError
from langseg.cache.records import Request
from langseg.cache.store.journal import Answer
from langseg.cache.store.store import Store
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.generation.answers import AnswerLog, Pace, answer_tables, parsed
from langseg.descriptors.generation.open_requests import OpenRequests
from langseg.descriptors.generation.report import GenerateReport, Tally
from langseg.descriptors.generation.settled import read_settled
from langseg.descriptors.prompts.plan import Plan
from langseg.descriptors.providers.base import Provider
from langseg.descriptors.providers.budget import Budget

EventListener = Callable[[str, GenerateReport], None]


def generate(
    plans: Iterable[Plan],
    provider: Provider,
    store: Store,
    *,
    budget: Budget | None = None,
    only_failed: bool = False,
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
        on_event: called with ``planned``, ``answered`` (after each flush), ``committed`` or
            ``ended``, and the report so far.

    Raises: BudgetError, when the budget ended the run, and UpstreamError, when the provider gave
    up: what was answered is committed first, as it is on Ctrl-C. LockedError, CorruptError,
    before anything is asked. Requests that come to nothing one by one do not raise: see
    ``missing`` of the report.
    """
    with store.writer() as writer:
        n_recovered = _recover(writer)
        settled = read_settled(store)
        if only_failed:
            settled.forgive()
        run = _Run(
            provider,
            store,
            writer,
            OpenRequests(settled, only_failed),
            budget=budget or Budget(),
            pace=pace or Pace(),
            on_event=on_event or (lambda kind, report: None),
        )
        run.tally.recovered = n_recovered
        try:
            run_async(run.ask(plans))
        finally:
            run.commit()
        report = run.report()
        if on_event is not None:
            on_event("ended", report)
        return report


def _recover(writer: StoreWriter) -> int:
    """Commit what dead runs journalled. Returns: how many answers that were."""
    left = writer.recover()
    if left.rows:
        answers = [parsed(answer) for answer in left.rows]
        writer.commit(answer_tables(answers), retired_journals=left.journals)
    return len(left.rows)


class _Run:
    """One run: asks what is open, and sees that each answer is safe before it counts."""

    def __init__(
        self,
        provider: Provider,
        store: Store,
        writer: StoreWriter,
        open_requests: OpenRequests,
        *,
        budget: Budget,
        pace: Pace,
        on_event: EventListener,
    ) -> None:
        self.tally = Tally()
        self._provider, self._store, self._budget = provider, store, budget
        self._run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"
        self._open = open_requests
        self._log = AnswerLog(writer, self._run_id, pace)
        self._on_event = on_event
        self._idle_flush_is_set = False
        self._flush_error: Exception | None = None
        self._missing: tuple[str, ...] = ()
        self._started = time.monotonic()

    async def ask(self, plans: Iterable[Plan]) -> None:
        """Ask what is open, then again what came back unusable. Raises: BudgetError."""
        try:
            await self._keep(self._provider.collect(self._budget))
            self.tally.collected, self.tally.asked = self.tally.asked, 0
            for plan in plans:
                added = self._open.add(plan)
                self.tally.planned += added.planned
                self.tally.cached += added.cached
                self.tally.unusable += added.unusable
                self._on_event("planned", self.report())
                if self._budget.reached:  # it is only told how much is left
                    continue
                await self._stream(self._open.to_ask(plan))
                while not self._budget.reached and (again := self._open.take_again()):
                    await self._stream(again)
                self.commit()
                self._open.recount(plan)
        finally:
            await self._provider.aclose()
        left = self._open.left - self._provider.under_way
        if self._budget.reached and left:
            made, cap = self._budget.requests, self._budget.reached
            go_on = "run the same command again to go on" if made else f"raise {cap}"
            raise BudgetError(
                f"generate: {cap} is reached after {made} requests, and {left} are left; the "
                f"answers are committed, {go_on}"
            )
        self._missing = tuple(map(str, self._open.missing(self._provider.under_way)))

    def commit(self) -> None:
        """Move what the journal holds into the store, and let the provider forget it."""
        if self._log.commit():
            self._on_event("committed", self.report())
        self._provider.committed()

    def report(self) -> GenerateReport:
        """What was done so far."""
        return GenerateReport(
            run_id=self._run_id,
            attempts=self._budget.requests,
            most_tokens=self._budget.tokens,
            most_cost_usd=self._budget.cost_usd,
            still_open=self._open.left,
            missing=self._missing,
            seconds=time.monotonic() - self._started,
            manifest=self._store.manifest.name,
            **self.tally.snapshot(),
        )

    async def _stream(self, requests: Iterable[Request]) -> None:
        """Ask, and keep what is answered."""
        await self._keep(self._provider.answer(self._open.handed_out(requests), self._budget))

    async def _keep(self, answers: AsyncGenerator[Answer, None]) -> None:
        """Keep every answer that is yielded, whatever ends the asking."""
        try:
            async with aclosing(answers):
                async for answer in answers:
                    self._take(answer)
                    self._flush_when_idle()
        except asyncio.CancelledError:
            # either Ctrl-C, or our own cancel in _flush_idle, whose reason is the one to raise
            if self._flush_error is not None:
                raise self._flush_error from None
            raise
        finally:
            self._flush()

    def _flush_when_idle(self) -> None:
        """Flush once no answer is waiting: the loop gets its turn only when the provider waits,
        and then this comes before the request that takes the answered one's place.

        So answers that come together share one flush, and none waits longer than until the
        provider has nothing more at hand: what is lost at a kill is what nobody had yet.
        """
        if not self._idle_flush_is_set:
            self._idle_flush_is_set = True
            asyncio.get_running_loop().call_soon(self._flush_idle, asyncio.current_task())

    def _flush_idle(self, stream: "asyncio.Task[Any] | None") -> None:
        """Flush; a disk that fails ends the asking, which costs money.

        The loop calls this, not the task that asks: an error raised here would reach nobody, so
        it is kept, and that task is cancelled to raise it.
        """
        self._idle_flush_is_set = False
        try:
            self._flush()
        except Exception as exc:
            self._flush_error = exc
            if stream is not None:
                stream.cancel()

    def _take(self, answer: Answer) -> None:
        """Journal an answer, under this run's name and as the attempt that it is of.

        One that has a ``run_id`` keeps it: it may come in more than one run, and is stored once.
        """
        request, response = answer
        if not response.run_id:
            attempt = self._open.attempt(response.request_key)
            response = replace(response, attempt=attempt, run_id=self._run_id)
        _, reply = parsed((request, response))
        if reply is not None:
            response = replace(response, status=reply.status, error=reply.error)
        self._log.append(((request, response), reply))
        if self._log.flush_is_due:
            self._flush()

    def _flush(self) -> None:
        """Put appended answers on disk, then count them: nothing counts that a kill could lose."""
        safe = self._log.flush()
        if not safe:
            return
        for (request, response), reply in safe:
            self.tally.count(response, reply)
            self._open.settle(request, response)
        self._on_event("answered", self.report())
        if self._log.commit_is_due:
            self.commit()
