"""Fetch and read the result files of a batch, whatever they hold.

In:  a batch that is over; files of lines, one for each request that came to an end, in any order.
Out: for each request that has a line, what came of it.

A hostile or broken line costs itself only: it is counted, and the request stays open.
"""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from langseg.cache.files import disk_errors
from langseg.cache.store.batch_ledger import Ledger
from langseg.cache.store.batch_records import BatchRecord
from langseg.cache.store.batch_requests import BatchRequests
from langseg.descriptors.openai_api.endpoint import Key
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.openai_api.fault import Fault, status_fault
from langseg.descriptors.providers.batch.calls import BatchCalls, ServerBatch
from langseg.descriptors.providers.chat import Reply, read_reply
from langseg.descriptors.providers.completion import NotAReplyError

LINE_BYTES = 32_000_000  # a reply has a token limit; what is longer is no reply
# the server never began with these: nothing was paid, nothing is known about them
_NOT_BEGUN = ("batch_expired", "batch_cancelled")


@dataclass(frozen=True)
class Result:
    """One line. ``reply`` is None for a line that holds none, and then ``fault`` says why; both
    are None for a request that the batch never began with. An unreadable line has no ``key``."""

    key: str
    reply: Reply | None = None
    fault: Fault | None = None


class ResultFiles:
    """The files of one batch, fetched one after the other.

    Args:
        on_fault: is told what is odd about them, in printable lines.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: BatchRecord,
        calls: BatchCalls,
        key: Key,
        on_fault: Callable[[str], None],
    ) -> None:
        self._ledger, self._record, self._calls, self._key = ledger, record, calls, key
        self._on_fault = on_fault

    async def results(
        self, batch: ServerBatch, asked: BatchRequests
    ) -> AsyncGenerator[Result, None]:
        """The first line of each request that says what came of it, with a reply or a fault.

        Raises: UpstreamError, for a file that does not come; LangSegError, for a full disk.
        """
        seen: set[str] = set()
        odd = Counter[str]()
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            async with aclosing(self._lines(file_id)) as lines:
                async for result in lines:
                    if result.key not in asked or result.key in seen:
                        odd[_oddity(result, asked)] += 1
                    elif result.reply is not None or result.fault is not None:
                        seen.add(result.key)
                        yield result
        for what, count in odd.items():
            self._on_fault(f"batch {batch.batch_id}: {count} {what}")

    async def _lines(self, file_id: str) -> AsyncGenerator[Result, None]:
        with self._ledger.temporary(self._record.name) as path:
            with disk_errors(path.parent, "every batch is still on record"):
                there = await self._calls.download(file_id, path, holds_results)
            if there:
                for result in read_results(path, self._key):
                    yield result
        if not there:
            self._on_fault(
                f"batch {self._record.batch_id}: the server has no file {file_id} any more"
            )


def holds_results(path: Path) -> bool:
    """Whether a file is one of results, empty or with at least one line that can be read."""
    if not path.stat().st_size:
        return True
    with path.open("rb") as file:
        return any(line and _result(line, Key("")).key for line in _lines(file))


def read_results(path: Path, key: Key) -> Iterator[Result]:
    """Every line of a file; memory does not grow with it. Raises: OSError."""
    with path.open("rb") as file:
        for line in _lines(file):
            yield Result("") if line is None else _result(line, key)


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Lines that are not blank, None for one that is too long."""
    while line := file.readline(LINE_BYTES):
        too_long = len(line) == LINE_BYTES and not line.endswith(b"\n")
        rest = line
        while too_long and rest and not rest.endswith(b"\n"):
            rest = file.readline(LINE_BYTES)
        if too_long:
            yield None
        elif line.strip():
            yield line


def _result(line: bytes, key: Key) -> Result:
    try:
        found = json.loads(key.redact(line.decode()))
    except (ValueError, RecursionError):
        return Result("")
    request_key = found.get("custom_id") if isinstance(found, dict) else None
    if not isinstance(request_key, str):
        return Result("")
    response, error = found.get("response"), found.get("error")
    if isinstance(response, dict):
        return _answered(request_key, response)
    if not isinstance(error, dict):
        return Result(request_key, fault=Fault(message="a line with neither response nor error"))
    if error.get("code") in _NOT_BEGUN:
        return Result(request_key)
    return Result(request_key, fault=status_fault(0, error, {}))


def _answered(request_key: str, response: dict[str, Any]) -> Result:
    status, body = response.get("status_code"), response.get("body")
    if status != 200:
        status = status if isinstance(status, int) and 100 <= status <= 599 else 0
        return Result(request_key, fault=status_fault(status, body, {}))
    try:
        text = body if isinstance(body, str) else json.dumps(body)
        return Result(request_key, read_reply(text))
    except ErrorReplyError as error:
        return Result(request_key, fault=status_fault(error.status or 0, error.body, {}))
    except (NotAReplyError, RecursionError) as error:
        return Result(request_key, fault=Fault(message=str(error)))


def _oddity(result: Result, asked: BatchRequests) -> str:
    if not result.key:
        return "lines that cannot be read"
    if result.key in asked:
        return "lines for a request that has one"
    return "lines of no request of it"
