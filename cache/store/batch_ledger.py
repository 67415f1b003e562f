"""The ledger of batches: which requests lie at a server that answers in hours, not seconds.

In:  requests that are about to be handed over; what the server calls the batch.
Out: after any crash, for each batch, the requests it holds and how far handing it over had come.

    batches/<name>.jsonl   its requests, one line each; written first, never changed
    batches/<name>.json    its record, with the sha256 of that file; a batch is there when this is

A record is replaced whole: before anything leaves, when the server has the file, when the server
has the batch. Removing starts with the record, so what a crash leaves is a file of requests with
no record, which the next ``Ledger`` tidies away. Only one process may hold a ledger: whoever does
holds the store's lock.
"""

import hashlib
import json
import os
from collections.abc import Iterator, KeysView
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import IO, Self

from langseg.cache.errors import CorruptError
from langseg.cache.files import (
    disk_errors,
    make_folder,
    sync_folder,
    temporary_beside,
    write_atomic,
)
from langseg.cache.keys import sha256_hex
from langseg.cache.records import Request
from langseg.cache.store.snapshot import Snapshot

BATCHES = "batches"
BATCH_FORMAT = 1
_RECORD, _REQUESTS, _TEMPORARY = ".json", ".jsonl", ".*.tmp"
_UNCHANGED = "the batches on record are as they were"


@dataclass(frozen=True, kw_only=True)
class BatchRecord:
    """One batch. ``number`` counts up over the ledger's life: a later batch has a higher one.

    ``file_id`` and ``batch_id`` are the server's names, ``""`` until it gave them. ``tokens`` is
    the most that the requests can use together.
    """

    name: str
    number: int
    base_url: str
    created_at: str
    n_requests: int
    tokens: int
    requests_sha256: str
    file_id: str = ""
    batch_id: str = ""


class BatchRequests:
    """The requests of one batch, verified when opened and read from the disk one at a time."""

    def __init__(self, root: Path, record: BatchRecord) -> None:
        """Raises: CorruptError, unless they are what was written."""
        self._path = _requests_path(root, record.name)
        self._at: dict[str, int] = {}  # request key -> where its line starts
        try:
            self._file: IO[bytes] = self._path.open("rb")
        except OSError as exc:
            raise CorruptError(_lost(self._path, exc.strerror or str(exc))) from exc
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
            raise CorruptError(_lost(self._path, "others"))


class Draft:
    """A batch in the making: its requests go to the disk as they come."""

    def __init__(self, root: Path, number: int) -> None:
        self._root, self._number = root, number
        self.name = f"batch-{token_hex(16)}"
        self._digest = hashlib.sha256()
        self.n_requests = 0
        with disk_errors(root, _UNCHANGED):
            self._beside = temporary_beside(_requests_path(root, self.name))
            make_folder(self._beside.parent)
            self._file = self._beside.open("xb")

    def add(self, request: Request) -> None:
        """Write one request down; no key may come twice. Raises: LangSegError, for a full disk."""
        line = _dumps(asdict(request))
        with disk_errors(self._root, _UNCHANGED):
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
        with disk_errors(self._root, _UNCHANGED):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._beside.replace(_requests_path(self._root, self.name))
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


class Ledger:
    """The batches of one store that are not known to be over."""

    def __init__(self, root: Path) -> None:
        """Raises: CorruptError, for a damaged record; LangSegError, for a disk that refuses."""
        self._root = root
        self._records = {record.name: record for record in read_records(root)}
        self._number = max((record.number for record in self._records.values()), default=0)
        with disk_errors(root, _UNCHANGED):
            for path in _leftovers(root):
                path.unlink(missing_ok=True)

    def records(self) -> list[BatchRecord]:
        """All of them, oldest first."""
        return sorted(self._records.values(), key=lambda record: record.number)

    def requests(self, record: BatchRecord) -> BatchRequests:
        """What the batch holds. Raises: CorruptError."""
        return BatchRequests(self._root, record)

    def draft(self) -> Draft:
        """A new batch, of which nothing is on record yet."""
        self._number += 1
        return Draft(self._root, self._number)

    def put(self, record: BatchRecord) -> None:
        """Put a finished draft on record, or what is new about a batch.

        Raises: LangSegError, for a disk that refuses: the record is then as it was.
        """
        with disk_errors(self._root, _UNCHANGED):
            write_atomic(_record_path(self._root, record.name), _rendered(record))
        self._records[record.name] = record

    def remove(self, name: str) -> None:
        """Forget a batch. Raises: LangSegError, for a disk that refuses."""
        with disk_errors(self._root, "the batch is still on record"):
            _record_path(self._root, name).unlink(missing_ok=True)
            sync_folder(self._root / BATCHES)
            self._records.pop(name, None)
            _requests_path(self._root, name).unlink(missing_ok=True)

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A path for a file that is needed only while the batch is sent or fetched."""
        path = temporary_beside(_requests_path(self._root, name))
        try:
            yield path
        finally:
            with suppress(OSError):  # as for a draft
                path.unlink(missing_ok=True)


def held_answers(snapshot: Snapshot, name: str) -> set[str]:
    """Keys of the requests whose answer from this batch is in the store. Raises: CorruptError."""
    rows = snapshot.table("responses", ("request_key",), where={"run_id": [name]})
    return set(rows["request_key"].to_pylist())


def read_records(root: Path) -> list[BatchRecord]:
    """Every record. Raises: CorruptError, naming a damaged one."""
    return [_read(path) for path in _record_paths(root)]


def keys_under_way(root: Path) -> set[str]:
    """Keys of the requests that lie in batches. Raises: CorruptError, for a damaged ledger."""
    keys: set[str] = set()
    for record in read_records(root):
        with BatchRequests(root, record) as rows:
            keys |= rows.keys
    return keys


def batch_problems(root: Path) -> list[CorruptError]:
    """What is wrong with the ledger; it never raises for damage."""
    problems = []
    for path in _record_paths(root):
        try:
            with BatchRequests(root, _read(path)):
                pass
        except CorruptError as exc:
            problems.append(exc)
    return problems


def batch_notes(root: Path) -> list[str]:
    """What the next run of the Batch API looks through, a sentence each."""
    notes = []
    for path in _record_paths(root):
        try:
            record = _read(path)
        except CorruptError:
            continue  # a problem, told there
        at = f"at {record.base_url}" if record.batch_id else "on their way out"
        notes.append(f"{path}: {record.n_requests} requests {at}, which the next run looks after")
    without = [path for path in _leftovers(root) if not path.name.startswith(".")]
    return [
        *notes,
        *(f"{path}: requests of no batch, the next run removes them" for path in without),
    ]


def _record_paths(root: Path) -> list[Path]:
    return sorted((root / BATCHES).glob(f"batch-*{_RECORD}"))


def _leftovers(root: Path) -> list[Path]:
    folder = root / BATCHES
    files = sorted(folder.glob(f"batch-*{_REQUESTS}"))
    orphans = [path for path in files if not path.with_suffix(_RECORD).exists()]
    return [*orphans, *folder.glob(_TEMPORARY)]


def _record_path(root: Path, name: str) -> Path:
    return root / BATCHES / f"{name}{_RECORD}"


def _requests_path(root: Path, name: str) -> Path:
    return root / BATCHES / f"{name}{_REQUESTS}"


def _rendered(record: BatchRecord) -> bytes:
    value = {**asdict(record), "v": BATCH_FORMAT}
    return _dumps({**value, "sha256": sha256_hex(_dumps(value))})


def _read(path: Path) -> BatchRecord:
    try:
        data = path.read_bytes()
        found = json.loads(data)
        record = BatchRecord(**{field.name: found[field.name] for field in fields(BatchRecord)})
        whole = _rendered(record) == data and record.name == path.stem
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise CorruptError(_lost(path, f"{type(exc).__name__}")) from exc
    if not whole:
        raise CorruptError(_lost(path, "others"))
    return record


def _lost(path: Path, got: str) -> str:
    stem = path.with_suffix("").name
    return (
        f"{path}: wanted the bytes that were written, got {got}; restore it, or move {stem}.* "
        "away to ask for the requests of that batch again"
    )


def _dumps(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"
