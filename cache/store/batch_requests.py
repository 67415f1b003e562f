"""The requests of a batch, in a file that is written once and read a line at a time.

In:  requests that are about to be handed over.
Out: ``batches/<name>.jsonl``, one line each, and its sha256 for the record; the requests again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, KeysView
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import IO, Self

from langseg.cache.files import disk_errors, make_folder, sync_folder, temporary_beside
from langseg.cache.records import Request
from langseg.cache.store.batch_records import BATCHES, BatchRecord, changed

SUFFIX = ".jsonl"
UNCHANGED = "the batches on record are as they were"  # what a disk that refuses means


class BatchRequests:
    """The requests of one batch, verified when opened and read from the disk one at a time."""

    def __init__(self, root: Path, record: BatchRecord) -> None:
        """Raises: CorruptError, unless they are what was written."""
        self._path = requests_path(root, record.name)
        self._at: dict[str, int] = {}  # request key -> where its line starts
        try:
            self._file: IO[bytes] = self._path.open("rb")
        except OSError as exc:
            raise changed(self._path, exc.strerror or str(exc)) from exc
        try:
            self._index(record)
        except BaseException:
            self._file.close()
            raise

    @property
    def keys(self) -> KeysView[str]:
        """In the order in which they were handed over."""
        return self._at.keys()

    def __contains__(self, key: str) -> bool:
        return key in self._at

    def __getitem__(self, key: str) -> Request:
        self._file.seek(self._at[key])
        return Request(**json.loads(self._file.readline()))

    def __iter__(self) -> Iterator[Request]:
        return (self[key] for key in self._at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _index(self, record: BatchRecord) -> None:
        digest, start = hashlib.sha256(), 0
        for line in self._file:
            digest.update(line)
            try:
                self._at[Request(**json.loads(line)).request_key] = start
            except (ValueError, TypeError):
                break  # the sha256 says the rest
            start += len(line)
        if digest.hexdigest() != record.requests_sha256 or len(self._at) != record.n_requests:
            raise changed(self._path, "others")


class Draft:
    """A batch in the making: its requests go to the disk as they come."""

    def __init__(self, root: Path, number: int) -> None:
        self._root, self._number = root, number
        self.name = f"batch-{token_hex(16)}"
        self._digest = hashlib.sha256()
        self.n_requests = 0
        with disk_errors(root, UNCHANGED):
            self._beside = temporary_beside(requests_path(root, self.name))
            make_folder(self._beside.parent)
            self._file = self._beside.open("xb")

    def add(self, request: Request) -> None:
        """Write one request down; no key may come twice. Raises: LangSegError, for a full disk."""
        line = _line(request)
        with disk_errors(self._root, UNCHANGED):
            self._file.write(line)
        self._digest.update(line)
        self.n_requests += 1

    def finish(self, *, base_url: str, tokens: int, created_at: str) -> BatchRecord:
        """Make the requests safe. Returns: the record to ``Ledger.put``.

        Raises: LangSegError, for a disk that refuses.
        """
        record = BatchRecord(
            name=self.name,
            number=self._number,
            base_url=base_url,
            created_at=created_at,
            n_requests=self.n_requests,
            tokens=tokens,
            requests_sha256=self._digest.hexdigest(),
        )
        with disk_errors(self._root, UNCHANGED):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._beside.replace(requests_path(self._root, self.name))
            sync_folder(self._beside.parent)
        return record

    def drop(self) -> None:
        """Leave no trace of it; once it is finished, or dropped, this does nothing.

        What a disk does not let go of, the next ``Ledger`` tidies away.
        """
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._beside.unlink(missing_ok=True)


def requests_path(root: Path, name: str) -> Path:
    """Where the requests of a batch are, or would be."""
    return root / BATCHES / f"{name}{SUFFIX}"


def _line(request: Request) -> bytes:
    text = json.dumps(asdict(request), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode()
