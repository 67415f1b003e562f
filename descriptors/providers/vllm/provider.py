"""Ask a language model that runs on this machine, without a server, a key or a network.

In:  planned requests; a model that vLLM can load.
Out: requests with their responses, a chunk at a time; or UpstreamError once those that were
     answered are out.

vLLM answers all requests of a call or, where one is not to its liking, none: prompts are counted
before, and a call that fails is made again in halves, until what it fails for is alone.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from langseg.cache.errors import UpstreamError, UsageError
from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.base import AnswersAtOnce
from langseg.descriptors.providers.budget import Budget, Hold
from langseg.descriptors.providers.chat import DIALECT, Reply
from langseg.descriptors.providers.rows import response_row
from langseg.descriptors.providers.vllm.engine import (
    BrokenEngineError,
    Engine,
    RefusedError,
    TimedReply,
    sampling_values,
)

# vLLM runs up to 1024 requests at once on a large GPU: two such waves keep it busy for most of a
# chunk, and at 40 replies a second a kill costs less than a minute's work.
CHUNK = 2048
_LOOK_S = 0.5  # how often to look whether the engine still lives
Returned = TypeVar("Returned")


@dataclass
class _Reserved:
    """A request, and what the budget holds for it until it is settled."""

    request: Request
    hold: Hold | None

    def settle(self, budget: Budget, used: tuple[int, int] | None) -> None:
        if self.hold is not None:
            budget.settle(self.hold, used)
            self.hold = None


class VLLMProvider(AnswersAtOnce):
    """Loads the model when the first request is asked, and keeps it until ``aclose``.

    Args:
        model: a folder, or a name on the model hub; requests must be planned with this name.
        chunk: how many requests one call answers; a kill loses at most these.
        engine: arguments of ``vllm.LLM``, such as ``max_model_len``.
        on_fault: is told why a request failed, in one printable line.
    """

    name = "vllm"

    def __init__(
        self,
        model: str,
        *,
        chunk: int = CHUNK,
        engine: Mapping[str, Any] | None = None,
        on_fault: Callable[[str], None] = lambda reason: None,
    ) -> None:
        if chunk < 1:
            raise UsageError(f"vllm: wanted chunks of at least 1 request, got {chunk}")
        self._model = model
        self._where = f"vllm, model {model!r}"
        self._chunk = chunk
        self._options = dict(engine or {})
        self._on_fault = on_fault
        self._engine: Engine | None = None
        self._load: Future[None] | None = None
        self._prompt_tokens = self._cached_tokens = 0

    def __repr__(self) -> str:
        return f"VLLMProvider({self._model!r})"

    @property
    def prefix_cache_hit_rate(self) -> float | None:
        """Share of all prompt tokens that the engine had at hand; None before the first answer."""
        return self._cached_tokens / self._prompt_tokens if self._prompt_tokens else None

    @property
    def note(self) -> str:
        """How much of the prompts was in the prefix cache, where the engine says so."""
        rate = self.prefix_cache_hit_rate
        return "" if rate is None else f"{rate:.0%} of the prompt tokens were in the prefix cache"

    async def answer(
        self, requests: Iterable[Request], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        """Yield requests with their responses, those of a chunk before the next is asked.

        Raises: UsageError, where vLLM is missing, does not take the model or an option, or has no
        name for a sampling parameter. UpstreamError, after every response that did arrive, when
        the engine dies and when all of the first chunk fail.
        """
        waiting = iter(requests)
        back: list[Request] = []  # read, but not asked for want of budget
        while asked := await self._take(waiting, back, budget):
            errors = []
            async with aclosing(self._answered(asked, budget)) as rows:
                async for row in rows:
                    errors.append(row[1].error)
                    yield row
            if not self._prompt_tokens and len(asked) > 1:
                raise UpstreamError(
                    f"{self._where}: wanted an answer to one of the first {len(asked)} requests, "
                    f"got none; the last failed thus: {errors[-1]}"
                )

    async def aclose(self) -> None:
        """End the engine's processes, also of one that is being loaded."""
        engine, load = self._engine, self._load
        self._engine = self._load = None
        if engine is None:
            return
        await asyncio.wrap_future(_in_thread(engine.close))
        while load is not None and not load.done():  # it may start a process yet
            await asyncio.sleep(_LOOK_S)
            await asyncio.wrap_future(_in_thread(engine.close))

    async def _take(
        self, waiting: Iterator[Request], back: list[Request], budget: Budget
    ) -> list[_Reserved]:
        """The next chunk: as many as the budget lets through side by side; none at the end."""
        asked: list[_Reserved] = []
        while len(asked) < self._chunk:
            request = back.pop() if back else next(waiting, None)
            if request is None:
                break
            self._check(request)
            hold = budget.take(request) if asked else await budget.reserve(request)
            if hold is None:
                back.append(request)
                break
            asked.append(_Reserved(request, hold))
        return asked

    def _check(self, request: Request) -> None:
        if request.model not in (self._model, self._options.get("served_model_name")):
            raise UsageError(
                f"{self._where}: wanted requests planned for this model, got one for "
                f"{request.model!r}; load and plan under one name"
            )
        sampling_values(request)

    async def _answered(
        self, asked: list[_Reserved], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        """Rows of a chunk. Those of one call are yielded before the next is made."""
        try:
            engine = await self._loaded()
            misfits = await asyncio.wrap_future(
                _in_thread(lambda: [engine.misfit(one.request) for one in asked])
            )
            for one, misfit in zip(asked, misfits, strict=True):
                if misfit:
                    yield self._turned_away(one, misfit, budget)
            groups = [[one for one in asked if one.hold is not None]]
            while groups:
                group = groups.pop()
                try:
                    replies = await self._chat(engine, group)
                except RefusedError as exc:
                    half = len(group) // 2
                    if half:
                        groups += [group[half:], group[:half]]
                    else:
                        yield self._turned_away(group[0], str(exc), budget)
                    continue
                for one, timed in zip(group, replies, strict=True):
                    yield self._row(one, timed, budget)
        finally:
            for one in asked:
                one.settle(budget, None)

    async def _loaded(self) -> Engine:
        if self._engine is None or self._load is None:
            self._engine = Engine(self._model, self._options)
            self._load = _in_thread(self._engine.load)
        engine, load = self._engine, asyncio.wrap_future(self._load)
        while not (await asyncio.wait({load}, timeout=_LOOK_S))[0]:
            engine.guard()
        load.result()
        return engine

    async def _chat(self, engine: Engine, group: list[_Reserved]) -> list[TimedReply]:
        """Raises: RefusedError, when one of several makes the call fail; UpstreamError."""
        if not group:
            return []
        call = asyncio.wrap_future(_in_thread(engine.chat, [one.request for one in group]))
        try:
            while not (await asyncio.wait({call}, timeout=_LOOK_S))[0] and engine.alive:
                pass
            if not call.done():
                raise BrokenEngineError("one with a process that ended")
            return call.result()
        except BrokenEngineError as exc:
            raise UpstreamError(
                f"{self._where}: wanted an engine that lives, got {exc}; see vLLM's own lines "
                "above (often, too little memory), then run the same command again: what was "
                "answered is kept"
            ) from exc
        finally:
            call.cancel()

    def _turned_away(self, one: _Reserved, note: str, budget: Budget) -> Answer:
        """One that never reached the model: a failed response."""
        one.settle(budget, (0, 0))
        return one.request, self._response(one.request, Reply(status="failed", note=note), 0.0)

    def _row(self, one: _Reserved, timed: TimedReply, budget: Budget) -> Answer:
        reply = timed.reply
        n_prompt, n_reply = reply.prompt_tokens, reply.completion_tokens
        known = n_prompt is not None and n_reply is not None
        one.settle(budget, (n_prompt or 0, n_reply or 0) if known else None)
        self._prompt_tokens += n_prompt or 0
        self._cached_tokens += reply.cached_tokens or 0
        return one.request, self._response(one.request, reply, timed.latency_s)

    def _response(self, request: Request, reply: Reply, latency_s: float) -> Response:
        row = response_row(
            request,
            reply,
            dialect=DIALECT,
            provider=self.name,
            latency_s=latency_s,
            where=self._where,
            note=reply.note,
        )
        if row.status == "failed":
            self._on_fault(row.error)
        return row


def _in_thread(function: Callable[..., Returned], *args: Any) -> Future[Returned]:
    """Run it in a thread that the process does not wait for: a call of a dead engine never ends,
    and ``asyncio.to_thread`` would keep the process alive for it."""
    future: Future[Returned] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(function(*args))
        except BaseException as exc:
            future.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return future
