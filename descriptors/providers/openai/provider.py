"""Ask an LLM behind the OpenAI API, or any server that speaks it, and lose no paid answer.

In:  planned requests, OPENAI_API_KEY, a base URL, limits, a budget.
Out: one response for each request, as they finish; or UpstreamError once those under way are in.

One client for all requests, with its own retries off: retries are ours, so that they are counted,
bounded and slowed down together.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from langseg.cache.errors import UpstreamError
from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer
from langseg.descriptors.openai_api.client import open_client
from langseg.descriptors.openai_api.endpoint import (
    DEFAULT_BASE_URL,
    checked_base_url,
    key_from_environment,
    one_line,
)
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.openai_api.fault import Fault, fault_of
from langseg.descriptors.openai_api.proxy import proxy_for
from langseg.descriptors.openai_api.rate_limits import Gate, RateLimits
from langseg.descriptors.openai_api.reception import Reception
from langseg.descriptors.openai_api.retry import RetryRule
from langseg.descriptors.providers.base import AnswersAtOnce
from langseg.descriptors.providers.budget import Budget, most
from langseg.descriptors.providers.chat import Reply, read_reply
from langseg.descriptors.providers.completion import NotAReplyError
from langseg.descriptors.providers.openai.dialect import (
    Dialect,
    Refusal,
    flag_to_change,
    refusal_of,
)
from langseg.descriptors.providers.openai.negotiation import Negotiation
from langseg.descriptors.providers.rows import response_row

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    import httpx2
    from openai import AsyncOpenAI

Task = asyncio.Task[Answer | None]
Turn = TypeVar("Turn")


class OpenAIProvider(AnswersAtOnce):
    """Asks by Chat Completions; the reply is bound to the request's JSON schema.

    Args:
        on_fault: is told why an attempt failed, in one printable line without the key.
        on_wait: is told what all requests wait for, likewise; "" when they go on.

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
        on_wait: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._base_url = checked_base_url(base_url)
        self._key = key_from_environment(base_url)
        self._limits = limits
        self._retry = retry or RetryRule()
        self._gate = Gate(limits)
        self._budget = Budget()
        self._negotiation = Negotiation()
        self._tasks: set[Task] = set()
        self._finished: asyncio.Queue[Task | None] = asyncio.Queue()  # None: see what can begin
        self._on_fault = on_fault
        self._server = Reception(
            self._base_url, self._key, self._gate, self._retry,
            kept="what was answered", on_wait=on_wait,
        )  # fmt: skip
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
        finished = self._finished = asyncio.Queue()
        left_s = budget.seconds_left()
        later_s = (left_s or 0.0) + 0.01  # when the budget says so, too
        time_up = asyncio.get_running_loop().call_later(later_s, self._gate.hurry)
        if left_s is None:
            time_up.cancel()
        try:
            while self._begin(waiting, tasks):
                task = await finished.get()
                if task is None:
                    continue
                tasks.discard(task)
                if not task.cancelled() and (row := task.result()):
                    yield row
        finally:
            time_up.cancel()
            await _cancel(tasks)
        if self._gate.error is not None:
            raise self._gate.error

    async def aclose(self) -> None:
        """Drop what is under way and close every connection."""
        self._gate.end(UpstreamError(f"{self}: closed before every request was answered"))
        await _cancel(self._tasks)
        if self._client is not None:
            await self._client.close()

    def _begin(self, waiting: Iterator[Request], tasks: set[Task]) -> bool:
        """Fill the free places. Returns: whether anything is under way.

        Where a server turns everybody away, one more request stands in line, so that they take
        turns in asking again: it may be the one request that the server does not like.
        """
        while not self._gate.ended and len(tasks) < self._gate.size + self._gate.probes:
            request = next(waiting, None)
            if request is None:
                break
            task = asyncio.create_task(self._ask(request))
            tasks.add(task)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(self._finished.put_nowait)
        return bool(tasks)

    async def _ask(self, request: Request) -> Answer | None:
        """Its answer or a failed response; None when the run stopped before there was either."""
        faults: list[Fault] = []
        started = time.monotonic()
        clock = asyncio.get_running_loop().time
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry.deadline_s) as deadline:
                while True:
                    answers = self._server.answers
                    outcome = await self._attempt(request, deadline)
                    if outcome is None:
                        return None
                    if not isinstance(outcome, Fault):
                        return request, outcome
                    hopeless = self._server.is_hopeless(outcome)
                    if outcome.turned_away and answers == self._server.answers and not hopeless:
                        # as is everybody: no fault of this request, which has all its time again
                        deadline.reschedule(clock() + self._retry.deadline_s)
                        continue
                    faults.append(outcome)
                    tried = len(faults) == self._retry.max_attempts
                    if not outcome.retry or tried or hopeless:
                        break
                    if not outcome.turned_away:
                        await self._server.rest(len(faults))
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
            self._server.answered()
            return outcome
        self._server.note(outcome)
        self._on_fault(self._server.shown(outcome.message))
        if outcome.remedy:
            wanted = "a connection" if outcome.unreachable else f"model {request.model!r}"
            self._server.stop(wanted, outcome, outcome.remedy)
            return None
        if outcome.overload:
            self._gate.overloaded(ticket)
        if outcome.turned_away and not self._server.is_hopeless(outcome):
            if not self._server.turned_away(outcome):
                return None
            self._finished.put_nowait(None)
        return outcome

    async def _paid_call(
        self, request: Request, deadline: asyncio.Timeout
    ) -> Response | Fault | None:
        """The call, once the budget has room for it; None when it has not and never will.

        A form of the request that the server does not take is no failed attempt: it goes again
        in another, and each time the budget counts it.
        """
        while True:
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
                elif outcome is None or outcome.unread:
                    used = 0, 0
            finally:
                self._budget.settle(hold, used)
            if outcome is not None:
                return outcome

    async def _call(self, request: Request) -> Response | Fault | None:
        """One call; None where the server does not take the form it had, and may take another."""
        from openai import APIError, APIStatusError

        if self._client is None:
            places = self._limits.max_concurrency
            timeout_s = self._retry.timeout_s
            self._client = open_client(
                self._base_url, self._key, places=places, timeout_s=timeout_s
            )
        spoken = self._negotiation.form(request.request_key)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._retry.timeout_s):  # the SDK's is for each read
                http = await _post(self._client, spoken.body(request))
            self._gate.learn(http.headers)
            reply = read_reply(self._key.redact(http.text))
        except (APIError, TimeoutError, ErrorReplyError, NotAReplyError) as error:
            if isinstance(error, APIStatusError):
                self._gate.learn(error.response.headers)
                refusal = refusal_of(error.status_code, error.response.text)
            elif isinstance(error, ErrorReplyError):
                refusal = refusal_of(error.status or 500, json.dumps(error.body))
            else:
                return fault_of(error)
            return self._refused(request, spoken, refusal, fault_of(error))
        self._negotiation.answered(request.request_key, spoken)
        return self._response(request, reply, time.monotonic() - started, spoken)

    def _refused(
        self, request: Request, spoken: Dialect, refusal: Refusal, fault: Fault
    ) -> Fault | None:
        """The fault, with the flag to change where one is to blame; None to ask in another form."""
        before = self._negotiation.dialect
        found = self._negotiation.refused(request.request_key, spoken, refusal, fault)
        if found is None:
            if (now := self._negotiation.dialect) != before:
                self._on_fault(f"{self._server.shown(fault.message)}; from here on asked as {now}")
            return None
        flag = flag_to_change(refusal, request)
        if flag and not self._server.answers:  # so it is to blame for every request
            return replace(found, remedy=flag)
        if flag:
            message = f"{found.message[:200]}; {flag}"
            return replace(found, message=message, retry=False, turned_away=False)
        return found

    def _failed(self, request: Request, faults: list[Fault], spent_s: float) -> Response:
        """A failed response; too many in a row, or no connection to be had, end the run."""
        last = faults[-1] if faults else fault_of(TimeoutError())
        note = f"{last.message} (attempt {len(faults)}, after {spent_s:.1f} s)"
        self._server.failures_in_a_row += 1
        proxy = proxy_for(self._base_url)
        if last.unreachable:
            self._server.stop("a connection", last, last.hint)
        elif self._server.is_hopeless(last):
            is_proxys = proxy is not None and self._base_url.startswith("http:")
            hint = proxy.around(self._base_url) if proxy and is_proxys else last.hint
            self._server.stop(f"a first answer in {self._server.unproven} attempts", last, hint)
        elif self._server.failures_in_a_row >= self._retry.give_up_after:
            wanted = f"an answer to one of the last {self._server.failures_in_a_row} requests"
            self._server.stop(
                wanted, last, Fault.hint if last.unproven and self._server.answers else last.hint
            )
        spoken = self._negotiation.form(request.request_key)
        return self._response(request, Reply(status="failed", note=note), spent_s, spoken)

    def _response(
        self, request: Request, reply: Reply, latency_s: float, spoken: Dialect
    ) -> Response:
        return response_row(
            request,
            reply,
            dialect=str(spoken),
            provider=self.name,
            latency_s=latency_s,
            where=self._base_url,
            note=one_line(reply.note, self._key),
            price=self._budget.price,
        )


async def _post(client: "AsyncOpenAI", body: dict[str, Any]) -> "httpx2.Response":
    """The reply, whatever its content type.

    Not by ``chat.completions.create``: its walk through the body adds a third to the time, and
    it takes only the parameters that OpenAI's own models know.
    """
    import httpx2

    return await client.post("/chat/completions", body=body, cast_to=httpx2.Response)


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
