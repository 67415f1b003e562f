"""Ask an LLM behind the OpenAI API, or any server that speaks it, and lose no paid answer.

In:  planned requests, OPENAI_API_KEY, a base URL, limits, a budget.
Out: one response for each request, as they finish; or UpstreamError once those under way are in.

One client for all requests, with its own retries off: retries are ours, so that they are counted,
bounded and slowed down together.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar

from langseg.cache.errors import UpstreamError
from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.base import AnswersAtOnce
from langseg.descriptors.providers.budget import Budget, most
from langseg.descriptors.providers.chat import NotAReplyError, Reply, chat_body, read_reply
from langseg.descriptors.providers.openai.client import open_client
from langseg.descriptors.providers.openai.endpoint import (
    DEFAULT_BASE_URL,
    checked_base_url,
    key_from_environment,
)
from langseg.descriptors.providers.openai.rate_limits import Gate, RateLimits
from langseg.descriptors.providers.openai.retry import Fault, RetryRule, fault_of
from langseg.descriptors.providers.openai.text import one_line, response_row

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    import httpx2
    from openai import AsyncOpenAI

_FIRST_ATTEMPTS = 3  # of all requests together: a wrong address shows in seconds
_jitter = SystemRandom().random

Task = asyncio.Task[Answer | None]
Turn = TypeVar("Turn")


class OpenAIProvider(AnswersAtOnce):
    """Asks by Chat Completions; the reply is bound to the request's JSON schema.

    Args:
        on_fault: is told why an attempt failed, in one printable line without the key.

    Raises: UsageError, for a base URL or a key that cannot be used.
    """

    name = "openai"

    def __init__(
        self,
        *,
        base_url: str = DEFAULT_BASE_URL,
        limits: RateLimits,
        retry: RetryRule | None = None,
        on_fault: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._base_url = checked_base_url(base_url)
        self._key = key_from_environment(base_url)
        self._limits = limits
        self._retry = retry or RetryRule()
        self._gate = Gate(limits)
        self._budget = Budget()
        self._tasks: set[Task] = set()
        self._on_fault = on_fault
        self._failures_in_a_row = 0
        self._answered = False
        self._first_faults = 0  # before the first answer
        self._client: AsyncOpenAI | None = None

    def __repr__(self) -> str:
        return f"OpenAIProvider(base_url={self._base_url!r})"

    async def answer(
        self, requests: Iterable[Request], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        """Yield rows as they finish; read ``requests`` only as fast as places free up.

        A request that gets no answer yields status ``failed``, with the reason in ``error``.

        Raises: UpstreamError, after those under way were yielded, when no request can succeed
            (key, credit, model, address) or too many failed in a row.
        """
        self._budget = budget
        waiting = iter(requests)
        tasks: set[Task] = set()
        finished: asyncio.Queue[Task] = asyncio.Queue()
        try:
            while self._begin(waiting, tasks, finished):
                task = await finished.get()
                tasks.discard(task)
                if not task.cancelled() and (row := task.result()):
                    yield row
        finally:
            await _cancel(tasks)
        if self._gate.error is not None:
            raise self._gate.error

    async def aclose(self) -> None:
        """Drop what is under way and close every connection."""
        self._gate.end(UpstreamError(f"{self}: closed before every request was answered"))
        await _cancel(self._tasks)
        if self._client is not None:
            await self._client.close()

    def _begin(
        self, waiting: Iterator[Request], tasks: set[Task], finished: asyncio.Queue[Task]
    ) -> bool:
        """Fill the free places. Returns: whether anything is under way."""
        while not self._gate.ended and len(tasks) < self._gate.size:
            request = next(waiting, None)
            if request is None:
                break
            task = asyncio.create_task(self._ask(request))
            tasks.add(task)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(finished.put_nowait)
        return bool(tasks)

    async def _ask(self, request: Request) -> Answer | None:
        """Its answer or a failed response; None when the run stopped before there was either."""
        faults: list[Fault] = []
        started = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry.deadline_s) as deadline:
                while True:
                    outcome = await self._attempt(request, deadline)
                    if outcome is None:
                        return None
                    if not isinstance(outcome, Fault):
                        return request, outcome
                    faults.append(outcome)
                    tried = len(faults) == self._retry.max_attempts
                    if not outcome.retry or tried or self._hopeless(outcome):
                        break
                    await self._gate.rest(self._retry.rest_s(outcome, len(faults), _jitter()))
        return request, self._failed(request, faults, time.monotonic() - started)

    async def _attempt(
        self, request: Request, deadline: asyncio.Timeout
    ) -> Response | Fault | None:
        """One attempt, when there is a place for it; the gate learns from what came of it."""
        ticket = await _outside(deadline, self._gate.enter(most(request).tokens))
        if ticket is None:
            return None
        try:
            outcome = await self._paid_call(request, deadline)
        finally:
            self._gate.leave()
        if outcome is None:
            self._gate.end()
            return None
        if isinstance(outcome, Response):
            self._failures_in_a_row = 0
            self._answered = True
            self._gate.answered()
            return outcome
        self._first_faults += not self._answered
        self._on_fault(self._shown(outcome.message))
        if outcome.remedy:
            self._stop(f"model {request.model!r}", outcome, outcome.remedy)
            return None
        if outcome.overload:
            self._gate.overloaded(ticket, min(outcome.wait_s or 0.0, self._retry.max_wait_s))
        return outcome

    def _hopeless(self, fault: Fault) -> bool:
        """Whether the server has never answered, and does not ask to be waited for either."""
        return not self._answered and self._first_faults >= _FIRST_ATTEMPTS and fault.wait_s is None

    async def _paid_call(
        self, request: Request, deadline: asyncio.Timeout
    ) -> Response | Fault | None:
        """The call, once the budget has room for it; None when it has not and never will."""
        hold = await _outside(deadline, self._budget.reserve(request))
        if hold is None:
            return None
        if self._gate.ended:  # while it waited for the budget
            self._budget.settle(hold, (0, 0))
            return None
        used = None  # as nobody knows, when it is cut off
        try:
            outcome = await self._call(request)
            if isinstance(outcome, Response):
                used = outcome.prompt_tokens, outcome.completion_tokens
            elif outcome.unread:
                used = 0, 0
        finally:
            self._budget.settle(hold, used)
        return outcome

    async def _call(self, request: Request) -> Response | Fault:
        from openai import APIError, APIStatusError

        if self._client is None:
            places = self._limits.max_concurrency
            timeout_s = self._retry.timeout_s
            self._client = open_client(
                self._base_url, self._key, places=places, timeout_s=timeout_s
            )
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._retry.timeout_s):  # the SDK's is for each read
                http = await _post(self._client, request)
            self._gate.learn(http.headers, self._retry.max_wait_s)
            reply = read_reply(self._key.redact(http.text))
        except (APIError, TimeoutError, NotAReplyError) as error:
            if isinstance(error, APIStatusError):
                self._gate.learn(error.response.headers, self._retry.max_wait_s)
            return fault_of(error)
        return self._response(request, reply, time.monotonic() - started)

    def _failed(self, request: Request, faults: list[Fault], spent_s: float) -> Response:
        """A failed response; too many in a row, or no connection to be had, end the run."""
        last = faults[-1] if faults else Fault(message="no reply in time")
        note = f"{last.message} (attempt {len(faults)}, after {spent_s:.1f} s)"
        self._failures_in_a_row += 1
        if last.unreachable:
            self._stop("a connection", last, "check the base URL and the network")
        elif self._hopeless(last):
            remedy = "check that the base URL is that of an OpenAI-compatible API (most end in /v1)"
            self._stop(f"a first answer in {self._first_faults} attempts", last, remedy)
        elif self._failures_in_a_row >= self._retry.give_up_after:
            wanted = f"an answer to one of the last {self._failures_in_a_row} requests"
            self._stop(wanted, last, "see whether the server is well")
        return self._response(request, Reply(status="failed", note=note), spent_s)

    def _stop(self, wanted: str, fault: Fault, remedy: str) -> None:
        self._gate.end(
            UpstreamError(
                f"{self._base_url}: wanted {wanted}, got {self._shown(fault.message)}; {remedy}, "
                "then run the same command again: what was answered is kept"
            )
        )

    def _response(self, request: Request, reply: Reply, latency_s: float) -> Response:
        return response_row(
            request,
            reply,
            provider=self.name,
            base_url=self._base_url,
            key=self._key,
            price=self._budget.price,
            latency_s=latency_s,
        )

    def _shown(self, text: str) -> str:
        return one_line(text, self._key)


async def _post(client: "AsyncOpenAI", request: Request) -> "httpx2.Response":
    """The reply, whatever its content type.

    Not by ``chat.completions.create``: its walk through the body adds a third to the time, and
    it takes only the parameters that OpenAI's own models know.
    """
    import httpx2

    return await client.post("/chat/completions", body=chat_body(request), cast_to=httpx2.Response)


async def _outside(deadline: asyncio.Timeout, turn: Awaitable[Turn]) -> Turn:
    """Wait for one's turn, which a slow rate makes long and which is no fault of the server's."""
    clock = asyncio.get_running_loop().time
    ends, started = deadline.when(), clock()
    assert ends is not None
    deadline.reschedule(None)
    found = await turn
    deadline.reschedule(ends + clock() - started)
    return found


async def _cancel(tasks: Iterable[Task]) -> None:
    """End tasks and wait for their end, so that their connections are closed."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
