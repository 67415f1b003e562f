"""The five calls of the Batch API, each tried until it is answered or cannot be.

In:  a file of requests; names and ids.
Out: what the server says of a batch, checked; a result file on disk; or UpstreamError.

Bodies are read by hand, as for single replies: the SDK hands on whatever came. A call that may
have made a batch although no answer arrived is never simply repeated: the server is asked first.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langseg.cache.errors import UpstreamError
from langseg.cache.records import Request
from langseg.descriptors.openai_api.client import open_client
from langseg.descriptors.openai_api.endpoint import Key, one_line
from langseg.descriptors.openai_api.fault import Fault, fault_of
from langseg.descriptors.openai_api.retry import Patience, RetryRule, out_of_patience
from langseg.descriptors.providers.chat import chat_body, text_or_empty

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from openai import AsyncOpenAI

ENDPOINT: Final = "/v1/chat/completions"
TAG = "langseg"  # the metadata that carries our name for a batch
_ATTEMPTS, _BACKOFF_S = 6, 1.0  # rests add up to half a minute
_TRANSFER_S = 3600.0  # for a whole file
_PAGE = 100  # the most the API lists at once
_ID_CHARS = 200
_MORE_TIME = "raise --max-minutes or come back later"
T = TypeVar("T")


class NotABatchError(ValueError):
    """The body says nothing of a batch or a file, or broke off: asking again may help."""


@dataclass(frozen=True, kw_only=True)
class ServerBatch:
    """What the server says of a batch, without the key; ``""`` and 0 for what it does not say.

    ``errors`` are (code, message) pairs.
    """

    batch_id: str
    status: str
    name: str
    input_file_id: str
    output_file_id: str
    error_file_id: str
    errors: tuple[tuple[str, str], ...]
    completed: int
    latency_s: float


def request_line(request: Request) -> bytes:
    """One request, as a line of the file that is handed over."""
    line = {
        "custom_id": request.request_key,
        "method": "POST",
        "url": ENDPOINT,
        "body": chat_body(request),
    }
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


class BatchCalls:
    """Talks to one server.

    Args:
        timeout_s: for one attempt of a call that brings no file.
        on_fault: is told why an attempt failed, in one printable line without the key.
        on_wait: is told what is waited for where the server turns everybody away, likewise.
        rest: sleeps between attempts.

    ``seconds_left`` tells until when a server that turns everybody away may be waited for; None
    where the run has all the time.
    """

    def __init__(
        self,
        base_url: str,
        key: Key,
        *,
        timeout_s: float,
        on_fault: Callable[[str], None],
        on_wait: Callable[[str], None],
        rest: Callable[[float], Awaitable[None]],
    ) -> None:
        self._base_url, self._key = base_url, key
        self._retry = RetryRule(max_attempts=_ATTEMPTS, backoff_s=_BACKOFF_S, timeout_s=timeout_s)
        self._on_fault, self._on_wait, self._rest = on_fault, on_wait, rest
        self.seconds_left: Callable[[], float | None] = lambda: None
        self._client: AsyncOpenAI | None = None

    async def upload(self, path: Path, name: str) -> str:
        """Hand over a file of requests. Returns: the server's id for it."""

        async def once(client: "AsyncOpenAI") -> str:
            with path.open("rb") as file:  # as a handle, the SDK sends it in pieces
                reply = await client.files.with_raw_response.create(
                    file=(f"{name}.jsonl", file, "application/jsonl"), purpose="batch"
                )
            return _id(self._object(reply.text).get("id"))

        return await self._tried("the file of requests to be taken", once, _TRANSFER_S)

    async def create(self, file_id: str, name: str) -> ServerBatch:
        """Start the batch, once, whatever becomes of the answers on their way back."""
        unsure = False

        async def once(client: "AsyncOpenAI") -> ServerBatch:
            nonlocal unsure
            if unsure and (found := await self._find(client, {name: file_id})):
                return found[name]
            unsure = True
            reply = await client.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={TAG: name},
            )
            return _batch(self._object(reply.text))

        return await self._tried("a batch", once)

    async def find(self, file_ids: Mapping[str, str]) -> dict[str, ServerBatch]:
        """Batches the server has: our name -> batch.

        Args:
            file_ids: our names, each with the file that the batch was to be made of.
        """
        return await self._tried("its list of batches", partial(self._find, file_ids=file_ids))

    async def retrieve(self, batch_id: str) -> ServerBatch | None:
        """The batch as it is now; None, when the server knows of none."""

        async def once(client: "AsyncOpenAI") -> ServerBatch | None:
            from openai import NotFoundError

            try:
                reply = await client.batches.with_raw_response.retrieve(batch_id)
            except NotFoundError:
                return None
            return _batch(self._object(reply.text))

        return await self._tried("the state of a batch", once)

    async def download(self, file_id: str, path: Path, is_whole: Callable[[Path], bool]) -> bool:
        """Put a file's bytes under ``path``. False, when the server has no such file.

        Bytes that are not ``is_whole``, such as a sign-in page, are fetched again.
        """

        async def once(client: "AsyncOpenAI") -> bool:
            from openai import NotFoundError

            try:
                async with client.files.with_streaming_response.content(file_id) as reply:
                    with path.open("wb") as file:
                        async for piece in reply.iter_bytes(1 << 16):
                            file.write(piece)
            except NotFoundError:
                return False
            if not is_whole(path):
                raise NotABatchError("other bytes")
            return True

        return await self._tried("a file of results", once, _TRANSFER_S)

    def stop(self, wanted: str, got: str, remedy: str) -> UpstreamError:
        """The error that ends a run; ``got`` may be as it came."""
        shown = one_line(got, self._key).rstrip(".")
        return UpstreamError(
            f"{self._base_url}: wanted {wanted}, got {shown}; {remedy}, then "
            "run the same command again: what was answered is kept, and what is under way is too"
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.close()

    async def _find(
        self, client: "AsyncOpenAI", file_ids: Mapping[str, str]
    ) -> dict[str, ServerBatch]:
        """By our name, or by the file: some servers keep no metadata."""
        names = {file_id: name for name, file_id in file_ids.items()}
        found: dict[str, ServerBatch] = {}
        seen: set[str] = set()
        after, more = "", True
        while more and len(found) < len(file_ids):
            query = {"after": after} if after else None
            reply = await client.batches.with_raw_response.list(limit=_PAGE, extra_query=query)
            page = self._object(reply.text)
            batches = [_batch(item) for item in page.get("data") or () if isinstance(item, dict)]
            fresh = [batch for batch in batches if batch.batch_id not in seen]
            for batch in fresh:
                name = batch.name if batch.name in file_ids else names.get(batch.input_file_id)
                if name is not None:
                    found.setdefault(name, batch)
            seen.update(batch.batch_id for batch in fresh)
            after, more = (fresh[-1].batch_id, bool(page.get("has_more"))) if fresh else ("", False)
        return found

    def _object(self, text: str) -> dict[str, Any]:
        """The body; ids and messages of it are shown and stored, so the key goes first."""
        try:
            value = json.loads(self._key.redact(text))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise NotABatchError(f"wanted a JSON object, got {text[:60]!r}")
        return value

    async def _tried(
        self,
        wanted: str,
        call: Callable[["AsyncOpenAI"], Awaitable[T]],
        deadline_s: float | None = None,
    ) -> T:
        """Args:
            deadline_s: for one attempt, where it is not that of the retry rule.

        Raises: UpstreamError, when no attempt helps; no exception with a key in it lives on."""
        attempt, waited_s, patience = 0, 0.0, Patience(self._retry)
        while True:
            outcome = await self._attempt(call, deadline_s)
            if not isinstance(outcome, Fault):
                return outcome
            shown = one_line(outcome.message, self._key)
            self._on_fault(shown)
            if outcome.turned_away:
                until_s = patience.turned_away(outcome.wait_s, waited_s)
                if until_s is None:
                    here = datetime.now().astimezone()
                    within, remedy = out_of_patience(outcome.wait_s, self._retry, here)
                    raise self.stop(wanted + within, outcome.message, remedy or outcome.hint)
                left_s = self.seconds_left()
                if left_s is not None and until_s - waited_s >= left_s:
                    raise self.stop(f"{wanted} within --max-minutes", outcome.message, _MORE_TIME)
                self._on_wait(f"the server for {until_s - waited_s:.0f} s, as it says {shown}")
                await self._rest(until_s - waited_s)
                waited_s = until_s
                continue
            attempt += 1
            if outcome.remedy or not outcome.retry or attempt == self._retry.max_attempts:
                remedy = outcome.remedy or outcome.hint
                raise self.stop(f"{wanted} (attempt {attempt})", outcome.message, remedy)
            await self._rest(self._retry.rest_s(attempt))

    async def _attempt(
        self, call: Callable[["AsyncOpenAI"], Awaitable[T]], deadline_s: float | None
    ) -> "T | Fault":
        import httpx2
        from openai import APIError

        if self._client is None:
            self._client = open_client(
                self._base_url, self._key, places=2, timeout_s=self._retry.timeout_s
            )
        try:
            async with asyncio.timeout(deadline_s or self._retry.timeout_s):  # the SDK's: a read
                return await call(self._client)
        except httpx2.HTTPError as error:  # while a file came in, where the SDK does not look
            return Fault(message=f"the transfer broke off ({type(error).__name__})")
        except (APIError, TimeoutError, NotABatchError) as error:
            return fault_of(error)


def _batch(value: Mapping[str, Any]) -> ServerBatch:
    metadata, errors = value.get("metadata"), value.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else None
    if not isinstance(listed, list):
        listed = []
    counts = value.get("request_counts")
    return ServerBatch(
        batch_id=_id(value.get("id")),
        status=text_or_empty(value.get("status")),
        name=text_or_empty(metadata.get(TAG)) if isinstance(metadata, dict) else "",
        input_file_id=text_or_empty(value.get("input_file_id")),
        output_file_id=_id(value.get("output_file_id") or "", optional=True),
        error_file_id=_id(value.get("error_file_id") or "", optional=True),
        errors=tuple(
            (text_or_empty(error.get("code")), text_or_empty(error.get("message")))
            for error in listed
            if isinstance(error, dict)
        ),
        completed=_count(counts.get("completed")) if isinstance(counts, dict) else 0,
        latency_s=float(max(_ended(value) - _count(value.get("created_at")), 0)),
    )


def _ended(value: Mapping[str, Any]) -> int:
    stamps = ("completed_at", "expired_at", "cancelled_at", "failed_at")
    ended = max(_count(value.get(stamp)) for stamp in stamps)
    return ended or _count(value.get("created_at"))


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value < 1 << 40 else 0


def _id(value: Any, *, optional: bool = False) -> str:
    """An id as the server gave it, if it is one: it goes into paths of URLs and into the ledger."""
    text = text_or_empty(value)
    if len(text) > _ID_CHARS or not text.isascii() or not text.isprintable():
        raise NotABatchError("wanted an id, got other text")
    if not text and not optional:
        raise NotABatchError("wanted an object with an id, got one without")
    return text
