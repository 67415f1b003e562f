"""A provider that holds its replies already, and asks no LLM for them.

In:  planned requests; what a pack or a file says.
Out: one ``ok`` response for each, in their order, at no cost.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime

from langseg.cache.records import Request, Response
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.base import AnswersAtOnce
from langseg.descriptors.providers.budget import Budget

_BURST = 32  # answers between two pauses; each pause costs an fsync of the journal


class OfflineProvider(AnswersAtOnce):
    """``served_model`` says where the replies are from, and that no LLM was called."""

    name: str
    served_model: str

    def reply(self, request: Request) -> str:
        """The JSON reply to a request."""
        raise AssertionError(f"{type(self).__name__} holds no replies")  # each kind says its own

    async def answer(
        self, requests: Iterable[Request], budget: Budget
    ) -> AsyncGenerator[Answer, None]:
        """Yield one ``ok`` response for each request, in their order; each costs nothing."""
        for number, request in enumerate(requests, 1):
            hold = budget.take(request)
            if hold is None:
                return
            budget.settle(hold, (0, 0))
            started = time.perf_counter()
            raw_text = self.reply(request)
            yield request, self._response(request, raw_text, time.perf_counter() - started)
            if number % _BURST == 0:
                await asyncio.sleep(0)  # let Ctrl-C in

    async def aclose(self) -> None:
        """Nothing is open."""

    def _response(self, request: Request, raw_text: str, latency_s: float) -> Response:
        return Response(
            request_key=request.request_key,
            attempt=1,
            status="ok",
            raw_text=raw_text,
            finish_reason="stop",
            provider=self.name,
            dialect="",
            served_model=self.served_model,
            system_fingerprint="",
            prompt_tokens=0,
            completion_tokens=0,
            cached_tokens=0,
            cost_usd=0.0,
            latency_s=latency_s,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            error="",
            run_id="",
        )
