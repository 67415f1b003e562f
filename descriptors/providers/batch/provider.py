"""Ask an LLM through the Batch API: half the price, hours to wait, and nothing asked for twice.

In:  planned requests; the ledger in the store, which says what lies at the server already.
Out: the answers of every batch that is over; new batches of what is asked nowhere yet.

A run looks at each batch once and ends (with ``wait``: when none is under way any more); the next
run goes on where it was. An answer of a batch comes with the batch's name as ``run_id`` and with
attempt 1, and whoever stores it leaves both alone: so the store holds it once, however often a
crash makes it come. A batch leaves the ledger once the store holds every answer it brought: call
``committed`` after a commit; a batch that was not forgotten is looked at again.

The holder of the store's lock runs this. Files of requests stay at the server, which removes
those of batches by itself after 30 days.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator, Set
from contextlib import aclosing
from pathlib import Path

from langseg.cache.errors import UpstreamError
from langseg.cache.records import Request
from langseg.cache.store.batch_ledger import Ledger
from langseg.cache.store.batch_records import BATCHES, BatchRecord
from langseg.cache.store.journal import Answer
from langseg.descriptors.openai_api.endpoint import (
    DEFAULT_BASE_URL,
    checked_base_url,
    key_from_environment,
    one_line,
)
from langseg.descriptors.openai_api.retry import RetryRule
from langseg.descriptors.providers.batch.calls import BatchCalls, ServerBatch
from langseg.descriptors.providers.batch.requests import FileLimits, Todo, UnderWay
from langseg.descriptors.providers.batch.results import Result, ResultFiles
from langseg.descriptors.providers.batch.submission import Submission
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.chat import DIALECT, Reply
from langseg.descriptors.providers.rows import response_row

_OVER = ("completed", "failed", "expired", "cancelled")
_CUT_SHORT = ("failed", "expired", "cancelled")  # nobody begins with what is left of these
_TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - a code of the API
_POLL_S, _MAX_POLL_S, _POLL_GROWTH = 5.0, 60.0, 1.5
_FRUITLESS = 3  # batches in a row without an answer, after which it is no accident


class OpenAIBatchProvider:
    """Hands requests over in files and brings answers home, in this run or a later one.

    Args:
        store_path: the store that keeps the ledger.
        held: name of a batch -> keys of the requests whose answer from it the store holds, as
            ``cache.store.batch_ledger.held_answers`` tells.
        wait: stay until nothing is under way.
        timeout_s: for one attempt of a call that brings no file.
        on_fault: is told what went wrong on the way, in one printable line without the key.
        on_wait: is told, before each rest between two looks, what is waited for.
        rest: sleeps.

    Raises: UsageError, for a base URL or a key that cannot be used.
    """

    name = "openai-batch"

    def __init__(
        self,
        *,
        base_url: str = DEFAULT_BASE_URL,
        store_path: Path,
        held: Callable[[str], Set[str]],
        wait: bool = False,
        timeout_s: float = RetryRule.timeout_s,
        limits: FileLimits | None = None,
        on_fault: Callable[[str], None] = lambda reason: None,
        on_wait: Callable[[str], None] = lambda what: None,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base_url = checked_base_url(base_url)
        self._key = key_from_environment(base_url)
        self._root, self._held, self._wait = store_path, held, wait
        self._limits = limits or FileLimits()
        self._on_fault, self._on_wait, self._rest = on_fault, on_wait, rest
        self._calls = BatchCalls(
            self._base_url, self._key, timeout_s=timeout_s, on_fault=on_fault, on_wait=on_wait,
            rest=rest,
        )  # fmt: skip
        self._is_open = False  # then the next three say what is true
        self._ledger: Ledger
        self._submission: Submission
        self._under_way = UnderWay(self._base_url, Budget())
        self._started = time.monotonic()
        self._looked_at: set[str] = set()
        self._collected: dict[str, int] = {}  # batch -> how many answers it brought
        self._to_reread: set[str] = set()  # collected, with requests to be asked again
        self._completed = 0
        self._fruitless = 0
        self._error: UpstreamError | None = None

    def __repr__(self) -> str:
        return f"OpenAIBatchProvider(base_url={self._base_url!r})"

    @property
    def under_way(self) -> int:
        """How many of this run's requests lie in batches whose answers are not in hand."""
        return self._under_way.n_planned

    @property
    def note(self) -> str:
        """What else is under way: a run of another vocabulary or server left it there."""
        others = self._under_way.n_requests - self._under_way.n_planned
        if not others:
            return ""
        note = f"{others} requests of other runs are under way"
        if elsewhere := self._under_way.elsewhere():
            note += f" (some at {', '.join(elsewhere)}, which only --base-url can reach)"
        return note

    async def collect(self, budget: Budget) -> AsyncGenerator[Answer, None]:
        """Yield the answers of every batch that is over, and submit nothing.

        Run before the plan is gone through, it lets what came back decide what is asked.
        Raises: as ``answer``, but what is wrong with a single batch is raised by ``answer``.
        """
        await self._open_ledger(budget)
        async with aclosing(self._look(Todo(()))) as rows:
            async for row in rows:
                yield row

    async def answer(
        self, requests: Iterable[Request], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        """Yield answers that are there; submit what no batch holds and no limit forbids.

        Rows come for requests of other plans, too. A request that is not answered and not
        under way at the end was kept back by a limit, or came back unanswered: ask again.

        Raises: UpstreamError, for a fault that no retry mends, or a batch that the server
        refuses or does not know; CorruptError, for a damaged ledger, before anything is asked.
        """
        await self._open_ledger(budget)
        todo = Todo(self._under_way.asked_nowhere(requests))
        try:
            async with aclosing(self._rounds(todo)) as rows:
                async for row in rows:
                    yield row
        finally:
            self._to_reread.clear()
        if not self._wait:
            budget.close()
        if self._error is not None:
            raise self._error

    def committed(self) -> None:
        """Take batches off the ledger whose every answer is in the store by now.

        Raises: LangSegError, for a disk that refuses.
        """
        for name, n_answers in list(self._collected.items()):
            if name not in self._to_reread and len(self._held(name)) >= n_answers:
                self._ledger.remove(name)
                del self._collected[name]

    async def aclose(self) -> None:
        """Close every connection; what is under way stays so."""
        await self._calls.aclose()

    async def _open_ledger(self, budget: Budget) -> None:
        """Once a run: clear up what a crash cut short, then set aside what is under way."""
        if self._is_open:
            return
        self._started = time.monotonic()
        self._under_way = UnderWay(self._base_url, budget)
        self._calls.seconds_left = budget.seconds_left
        self._ledger = Ledger(self._root)
        self._submission = Submission(
            self._root, self._base_url, self._ledger, self._calls, self._under_way, self._limits
        )
        await self._submission.match()
        for record in self._ledger.records():
            if len(self._held(record.name)) == record.n_requests:
                self._ledger.remove(record.name)  # a run died before it could forget it
                continue
            with self._ledger.requests(record) as rows:
                self._under_way.found(record, rows)
        self._is_open = True
        for base_url in self._under_way.elsewhere():
            self._on_fault(f"batches are under way at {base_url}; name it to bring them home")

    async def _rounds(self, todo: Todo) -> AsyncGenerator[Answer, None]:
        """Look and submit; with ``wait``, until nothing is under way."""
        pause_s = _POLL_S
        while True:
            async with aclosing(self._look(todo)) as rows:
                async for row in rows:
                    pause_s = _POLL_S
                    yield row
            await self._submit(todo)
            if not self._wait or self._error or not self._under_way.here() or self._time_is_up():
                return
            left_s = self._under_way.budget.seconds_left()
            rest_s = pause_s if left_s is None else min(pause_s, max(left_s, 0.0))
            self._tell_wait(rest_s)
            await self._rest(rest_s)
            pause_s = min(pause_s * _POLL_GROWTH, _MAX_POLL_S)
            self._looked_at.clear()

    async def _look(self, todo: Todo) -> AsyncGenerator[Answer, None]:
        """Look at each batch of this server that was not looked at yet."""
        self._completed = 0
        for record in self._under_way.here():
            if record.name in self._looked_at:
                continue
            self._looked_at.add(record.name)
            batch = await self._calls.retrieve(record.batch_id)
            if batch is None:
                self._fail(
                    f"batch {record.batch_id}", "word that there is none",
                    "use the key it was submitted with, or move "
                    f"{self._root / BATCHES / record.name}.* away to ask for its requests again",
                )  # fmt: skip
            elif batch.status not in _OVER or _withholds_answers(batch):
                self._completed += batch.completed
                if batch.status in _OVER:
                    self._on_fault(f"batch {record.batch_id}: completed, but no file is named yet")
            else:
                async with aclosing(self._collect(record, batch, todo)) as rows:
                    async for row in rows:
                        yield row

    async def _collect(
        self, record: BatchRecord, batch: ServerBatch, todo: Todo
    ) -> AsyncGenerator[Answer, None]:
        """Yield what a batch that is over brought; the rest is open again."""
        held = self._held(record.name)
        answered: list[str] = []
        with self._ledger.requests(record) as rows:
            files = ResultFiles(self._ledger, record, self._calls, self._key, self._on_fault)
            async with aclosing(files.results(batch, rows)) as results:
                async for result in results:
                    answered.append(result.key)
                    if result.key in held:
                        self._under_way.settle(result.key, (0, 0))  # an earlier run's
                    else:
                        yield self._row(record, rows[result.key], result, batch.latency_s)
            brought = set(answered)
            left = [key for key in rows.keys if key not in brought]
        if left and batch.status == "completed":
            self._on_fault(f"batch {record.batch_id}: {len(left)} requests without a line")
        self._close(record, batch, answered, left, todo)

    def _row(
        self, record: BatchRecord, request: Request, result: Result, latency_s: float
    ) -> Answer:
        """The answer; what it used is settled."""
        reply, fault = result.reply, result.fault
        used: tuple[int, int] | None = (0, 0) if fault and fault.unread else None
        if reply and reply.prompt_tokens is not None and reply.completion_tokens is not None:
            used = reply.prompt_tokens, reply.completion_tokens
        self._under_way.settle(request.request_key, used)
        if fault and fault.remedy:
            self._fail(f"model {request.model!r}", fault.message, fault.remedy)
        reply = reply or Reply(status="failed", note=fault.message if fault else "")
        return request, response_row(
            request,
            reply,
            dialect=DIALECT,
            provider=self.name,
            latency_s=latency_s,
            where=self._base_url,
            note=one_line(reply.note, self._key),
            price=self._under_way.budget.price,
            run_id=record.name,
        )

    def _close(
        self,
        record: BatchRecord,
        batch: ServerBatch,
        answered: Collection[str],
        left: Collection[str],
        todo: Todo,
    ) -> None:
        """Let what a batch did not answer be asked again, unless that would be in vain."""
        used = (0, 0) if batch.status in _CUT_SHORT else None
        again = self._under_way.over(record, answered, left, used)
        self._collected[record.name] = len(answered)
        self._fruitless = 0 if answered else self._fruitless + 1
        if batch.status == "failed":
            self._refused(record, batch)
        elif self._fruitless == _FRUITLESS:
            got = f"{_FRUITLESS} in a row that brought none, the last one {batch.status}"
            self._fail("batches with answers", got, "see whether the server is well")
        if again and self._error is None:
            self._to_reread.add(record.name)
            todo.put_first(self._again(record, again))
        elif not answered:
            self.committed()

    def _refused(self, record: BatchRecord, batch: ServerBatch) -> None:
        """A batch that the server did not begin with: too much at once, or not as it should be."""
        code, message = next(iter(batch.errors), ("", "no reason"))
        if not any(code == _TOKEN_LIMIT for code, _ in batch.errors):
            remedy = "mend what it names"
            self._fail(f"batch {record.batch_id} to be run", f"{code}: {message}", remedy)
            return
        self._fruitless = 0
        at_most = self._submission.enqueue_less(record)
        self._on_fault(
            f"batch {record.batch_id}: more tokens than the server enqueues; going on with at most "
            f"{at_most} ({one_line(message, self._key)})"
        )
        if record.n_requests == 1 and not self._under_way.enqueued_tokens:
            remedy = "wait until other batches of this account are over"
            self._fail("room for a batch of one request", message, remedy)

    async def _submit(self, todo: Todo) -> None:
        """Hand over what is in line, file by file, until a limit or an error says stop."""
        while self._error is None:
            record = await self._submission.hand_over(todo)
            if record is None:
                return
            self._looked_at.add(record.name)

    def _again(self, record: BatchRecord, keys: Iterable[str]) -> Iterator[Request]:
        with self._ledger.requests(record) as rows:
            for key in keys:
                yield rows[key]
        self._to_reread.discard(record.name)

    def _fail(self, wanted: str, got: str, remedy: str) -> None:
        """Submit nothing more, and end with this once what is there is yielded."""
        self._error = self._error or self._calls.stop(wanted, got, remedy)

    def _time_is_up(self) -> bool:
        seconds = self._under_way.budget.caps.seconds
        up = seconds is not None and time.monotonic() - self._started >= seconds
        if up:
            self._under_way.budget.reached = "--max-minutes"
        return up

    def _tell_wait(self, pause_s: float) -> None:
        here = sum(record.n_requests for record in self._under_way.here())
        self._on_wait(
            f"{self._completed} of {here} requests under way are done, the next look is in "
            f"{pause_s:.0f} s; stop it and run the same command later if you like"
        )


def _withholds_answers(batch: ServerBatch) -> bool:
    """Whether a batch counts answers but names no file (ProjectTech4DevAI/kaapi-backend#723).

    Where there is an error file, the count may be wrong (tidyverse/ellmer#830): its lines tell.
    """
    no_file = not batch.output_file_id and not batch.error_file_id
    return batch.status == "completed" and batch.completed > 0 and no_file
