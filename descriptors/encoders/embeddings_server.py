"""Ask a server that speaks the OpenAI API for the vectors of texts, and lose none that came.

In:  texts, a model, OPENAI_API_KEY, a base URL.
Out: unit rows, handed on as each reply arrives; or UpstreamError once those under way are in.

Servers take between one and thousands of texts at once, and texts of any length or of few tokens;
none says so. A batch that is refused is halved until its parts are taken, and later batches are no
larger; a text that is refused alone is named at the end, and the others are embedded all the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langseg.cache.ctrl_c import run_async
from langseg.cache.errors import UpstreamError
from langseg.descriptors.encoders.base import BATCH
from langseg.descriptors.encoders.embeddings_reply import (
    EmbeddingsReply,
    NotVectorsError,
    UnmatchedError,
    read_embeddings,
)
from langseg.descriptors.openai_api.client import open_client
from langseg.descriptors.openai_api.endpoint import (
    checked_base_url,
    key_from_environment,
)
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.openai_api.fault import Fault, fault_of
from langseg.descriptors.openai_api.rate_limits import Gate, RateLimits
from langseg.descriptors.openai_api.reception import Reception
from langseg.descriptors.openai_api.retry import RetryRule

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from openai import AsyncOpenAI

PLACES = 8  # requests under way at most
_FEW_ATTEMPTS = 3  # of a batch that may be too large, for a vector that cannot be used
_CHARS_A_TOKEN = 3  # few, so that a limit of tokens a minute is kept
_LATE_HINT = "see whether the server is well, or check the base URL"

# takes the places of some texts among those that were given, and their unit rows [N, D]
OnVectors = Callable[[Sequence[int], NDArray[np.float32]], object]


class EmbeddingsServer:
    """One model of one server.

    ``tokens`` is what its replies say they used; None where one did not say.

    Args:
        on_wait: is told what all requests wait for, in a printable line without the key; "" when
            they go on.

    Raises: UsageError, for a base URL or a key that cannot be used.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        retry: RetryRule | None = None,
        on_wait: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.model, self.base_url = model, checked_base_url(base_url)
        self.key = key_from_environment(base_url)
        self.retry = retry or RetryRule()
        self.on_wait = on_wait
        self.batch = BATCH  # texts that it takes at once, as far as is known
        self.dim = 0  # of its vectors, once one is known
        self.tokens: int | None = 0

    def __repr__(self) -> str:
        return f"EmbeddingsServer(model={self.model!r}, base_url={self.base_url!r})"

    def embed(self, texts: Sequence[str], on_vectors: OnVectors) -> None:
        """Hand on a unit row for each text, as they come.

        Raises: UpstreamError, after those under way were handed on, when the server gave up, is
        another than it was, or has no vector for some text; whatever ``on_vectors`` raises.
        """
        run_async(_Asking(self, texts, on_vectors).ask())


class _Asking:
    """The requests for some texts: one event loop, one client, one gate."""

    def __init__(
        self, server: EmbeddingsServer, texts: Sequence[str], on_vectors: OnVectors
    ) -> None:
        self._server, self._texts, self._on_vectors = server, texts, on_vectors
        self._left = deque(range(len(texts)))
        self._gate = Gate(RateLimits(max_concurrency=PLACES))
        self._reception = Reception(
            server.base_url, server.key, self._gate, server.retry,
            kept="what was embedded", on_wait=server.on_wait,
        )  # fmt: skip
        self._refused: list[tuple[str, Fault]] = []
        self._client: AsyncOpenAI

    async def ask(self) -> None:
        server = self._server
        self._client = open_client(
            server.base_url, server.key, places=PLACES, timeout_s=server.retry.timeout_s
        )
        workers = [asyncio.create_task(self._work()) for _ in range(PLACES)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._client.close()
        if self._gate.error is not None:
            raise self._gate.error
        if self._refused:
            raise self._lacking()

    async def _work(self) -> None:
        """Embed batch after batch; there is no larger one than the server is known to take."""
        while self._left and not self._gate.ended:
            n_rows = min(self._server.batch, len(self._left))
            await self._settle([self._left.popleft() for _ in range(n_rows)])

    async def _settle(self, rows: list[int]) -> bool:
        """Embed some texts, in parts if need be. Returns: whether each has a vector now."""
        rule, faults = self._server.retry, 0
        while rows:
            answers = self._reception.answers
            outcome = await self._attempt(rows)
            if outcome is None:
                return False
            if isinstance(outcome, EmbeddingsReply):
                rows = self._keep(rows, outcome)
                outcome = Fault(message="no vector that can be used: NaN, zeros, or no numbers")
                most = _FEW_ATTEMPTS
            else:
                alone = answers != self._reception.answers or self._reception.is_hopeless(outcome)
                if outcome.turned_away and not alone:
                    continue  # as is everybody
                most = rule.max_attempts if len(rows) == 1 else _FEW_ATTEMPTS
            faults += bool(rows)
            is_over = faults == most or not outcome.retry or self._reception.is_hopeless(outcome)
            if rows and (is_over or (_is_late(outcome) and len(rows) > 1)):
                return await self._divide(rows, outcome)
            if rows and not outcome.turned_away:
                await self._reception.rest(faults)
        return True

    async def _divide(self, rows: list[int], fault: Fault) -> bool:
        """Ask for either half of what got no answer; what is one text is given up."""
        self._reception.failures_in_a_row += fault.retry or len(rows) == 1
        if self._reception.is_hopeless(fault) or fault.unreachable:
            self._reception.stop(
                "a connection" if fault.unreachable else "a first answer", fault, fault.hint
            )
        elif self._reception.failures_in_a_row >= self._server.retry.give_up_after:
            n_failed = self._reception.failures_in_a_row
            self._reception.stop(
                f"an answer to one of the last {n_failed} requests", fault, fault.hint
            )
        elif len(rows) == 1:
            self._refused.append((self._texts[rows[0]], fault))
        else:
            half, all_done = (len(rows) + 1) // 2, True
            while rows:
                size = min(half, self._server.batch)  # which gets smaller meanwhile
                part, rows = rows[:size], rows[size:]
                all_done = await self._settle(part) and all_done
            if all_done:
                self._server.batch = min(self._server.batch, half)
            return all_done
        return False

    async def _attempt(self, rows: Sequence[int]) -> EmbeddingsReply | Fault | None:
        """One request, when there is a place for it; None when the run has ended."""
        texts = [self._texts[row] for row in rows]
        n_tokens = sum(len(text) // _CHARS_A_TOKEN + 1 for text in texts)
        ticket = await self._gate.enter(n_tokens)
        if ticket is None:
            return None
        try:
            outcome = await self._call(texts)
        finally:
            self._gate.leave()
        if isinstance(outcome, EmbeddingsReply):
            self._reception.answered()
            return outcome
        self._reception.note(outcome)
        if outcome.remedy:
            self._reception.stop(
                f"vectors of the model {self._server.model!r}", outcome, outcome.remedy
            )
            return None
        if outcome.overload:
            self._gate.overloaded(ticket)
        if outcome.turned_away and not self._reception.is_hopeless(outcome):
            return outcome if self._reception.turned_away(outcome) else None
        return outcome

    async def _call(self, texts: Sequence[str]) -> EmbeddingsReply | Fault:
        """Neither ``encoding_format`` nor ``dimensions`` is sent: some servers refuse either."""
        import httpx2
        from openai import APIError, APIStatusError

        server = self._server
        body = {"model": server.model, "input": list(texts)}
        try:
            async with asyncio.timeout(server.retry.timeout_s):  # the SDK's is for each read
                http = await self._client.post("/embeddings", body=body, cast_to=httpx2.Response)
            self._gate.learn(http.headers)
            return read_embeddings(server.key.redact(http.text), len(texts))
        except UnmatchedError as error:
            return Fault(message=str(error), retry=False)  # of a single text it is certain
        except (APIError, TimeoutError, ErrorReplyError, NotVectorsError) as error:
            if isinstance(error, APIStatusError):
                self._gate.learn(error.response.headers)
            fault = fault_of(error)
            return replace(fault, hint=_LATE_HINT) if _is_late(fault) else fault

    def _keep(self, rows: Sequence[int], reply: EmbeddingsReply) -> list[int]:
        """Hand on the vectors of a reply. Returns: the texts that have none."""
        server = self._server
        if server.tokens is not None:
            server.tokens = None if reply.tokens is None else server.tokens + reply.tokens
        found = [(row, one) for row, one in zip(rows, reply.rows, strict=True) if one is not None]
        if found:
            server.dim = server.dim or len(found[0][1])
            kept, vectors = zip(*found, strict=True)
            others = {len(vector) for vector in vectors} - {server.dim}
            if others:
                got = Fault(message=" and ".join(map(str, sorted(others))))
                self._reception.stop(
                    f"vectors of {server.dim} numbers", got, "see which model answers there"
                )
            else:
                self._on_vectors(kept, np.stack(vectors))
        return [row for row, one in zip(rows, reply.rows, strict=True) if one is None]

    def _lacking(self) -> UpstreamError:
        refused = self._refused
        text, fault = refused[0]
        shown = repr(text if len(text) <= 80 else f"{text[:77]}...")
        others = f" and {len(refused) - 1} others" if len(refused) > 1 else ""
        why = self._reception.shown(fault.message)
        return UpstreamError(
            f"{self._server.base_url}: wanted a vector of each text, got none of {shown}{others} "
            f"({why}); what was embedded is kept; take a model that reads it, or run the same "
            "command again"
        )


def _is_late(fault: Fault) -> bool:
    """Whether the time was too short, which it is not for fewer texts at once."""
    return fault.overload and not fault.turned_away
