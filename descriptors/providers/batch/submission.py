"""Hand requests over as batches, each step on record before the next one is taken.

In:  requests in line; the ledger; what one file and the server's queue may hold.
Out: batches at the server; their records in the ledger, also after a crash between two steps.
"""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from langseg.cache.files import disk_errors
from langseg.cache.store.batch_ledger import Ledger
from langseg.cache.store.batch_records import BatchRecord
from langseg.cache.store.batch_requests import Draft
from langseg.descriptors.providers.batch.calls import BatchCalls, request_line
from langseg.descriptors.providers.batch.requests import FileLimits, Todo, UnderWay, fill

_DISK = "every batch is still on record"


class Submission:
    """Hands batches over to one server."""

    def __init__(
        self,
        root: Path,
        base_url: str,
        ledger: Ledger,
        calls: BatchCalls,
        under_way: UnderWay,
        limits: FileLimits,
    ) -> None:
        self._root, self._base_url = root, base_url
        self._ledger, self._calls, self._under_way = ledger, calls, under_way
        self._limits = limits
        self._enqueued_tokens = limits.enqueued_tokens  # less, once the server has refused so many

    async def match(self) -> None:
        """Find the batches that were being created when a run died; forget what never was.

        Without the server's id of the file, none can have been created.
        """
        records = [record for record in self._ledger.records() if not record.batch_id]
        sent = {r.name: r.file_id for r in records if r.file_id and r.base_url == self._base_url}
        found = await self._calls.find(sent) if sent else {}
        for record in records:
            if record.name in found:
                self._ledger.put(replace(record, batch_id=found[record.name].batch_id))
            elif record.name in sent or not record.file_id:
                self._ledger.remove(record.name)

    async def hand_over(self, todo: Todo) -> BatchRecord | None:
        """Submit the next batch of what is in line; None where a limit keeps all of it back."""
        draft = self._ledger.draft()
        try:
            record = self._pack(draft, todo)
        finally:
            draft.drop()
        return None if record is None else await self._send(record)

    def enqueue_less(self, refused: BatchRecord) -> int:
        """Let fewer tokens be under way than a batch that was refused for them made it.

        Returns: how many that are at most.
        """
        tried = self._under_way.enqueued_tokens + refused.tokens
        self._enqueued_tokens = max(min(self._enqueued_tokens, tried) // 2, 1)
        return self._enqueued_tokens

    def _pack(self, draft: Draft, todo: Todo) -> BatchRecord | None:
        """Put what fits into one batch, on record; None where nothing does."""
        enqueued = self._under_way.enqueued_tokens
        tokens = fill(
            draft,
            todo,
            self._limits,
            room_tokens=self._enqueued_tokens - enqueued,
            alone=not enqueued,
            take=partial(self._under_way.take, draft.name),
        )
        if not draft.n_requests:
            return None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = draft.finish(base_url=self._base_url, tokens=tokens, created_at=now)
        self._ledger.put(record)
        return record

    async def _send(self, record: BatchRecord) -> BatchRecord:
        """Hand one batch over; each step is on record before the next one is taken."""
        with self._ledger.temporary(record.name) as path:
            with (
                disk_errors(self._root, _DISK),
                self._ledger.requests(record) as rows,
                path.open("xb") as file,
            ):
                file.writelines(map(request_line, rows))
            file_id = await self._calls.upload(path, record.name)
        record = replace(record, file_id=file_id)
        self._ledger.put(record)
        batch = await self._calls.create(file_id, record.name)
        record = replace(record, batch_id=batch.batch_id)
        self._ledger.put(record)
        self._under_way.sent(record)
        return record
