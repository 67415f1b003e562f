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

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langseg.cache.errors import CorruptError
from langseg.cache.files import disk_errors, sync_folder, temporary_beside
from langseg.cache.store.batch_records import (
    BATCHES,
    BatchRecord,
    batch_record_path,
    batch_record_paths,
    read_batch_record,
    read_batch_records,
    write_batch_record,
)
from langseg.cache.store.batch_requests import (
    SUFFIX,
    UNCHANGED,
    BatchRequests,
    Draft,
    requests_path,
)
from langseg.cache.store.snapshot import Snapshot


class Ledger:
    """The batches of one store that are not known to be over."""

    def __init__(self, root: Path) -> None:
        """Raises: CorruptError, for a damaged record; LangSegError, for a disk that refuses."""
        self._root = root
        self._records = {record.name: record for record in read_batch_records(root)}
        self._number = max((record.number for record in self._records.values()), default=0)
        with disk_errors(root, UNCHANGED):
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
        with disk_errors(self._root, UNCHANGED):
            write_batch_record(self._root, record)
        self._records[record.name] = record

    def remove(self, name: str) -> None:
        """Forget a batch. Raises: LangSegError, for a disk that refuses."""
        with disk_errors(self._root, "the batch is still on record"):
            batch_record_path(self._root, name).unlink(missing_ok=True)
            sync_folder(self._root / BATCHES)
            self._records.pop(name, None)
            requests_path(self._root, name).unlink(missing_ok=True)

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A path for a file that is needed only while the batch is sent or fetched."""
        path = temporary_beside(requests_path(self._root, name))
        try:
            yield path
        finally:
            with suppress(OSError):  # as for a draft
                path.unlink(missing_ok=True)


def held_answers(snapshot: Snapshot, name: str) -> set[str]:
    """Keys of the requests whose answer from this batch is in the store. Raises: CorruptError."""
    rows = snapshot.table("responses", ("request_key",), where={"run_id": [name]})
    return set(rows["request_key"].to_pylist())


def keys_under_way(root: Path) -> set[str]:
    """Keys of the requests that lie in batches. Raises: CorruptError, for a damaged ledger."""
    keys: set[str] = set()
    for record in read_batch_records(root):
        with BatchRequests(root, record) as rows:
            keys |= rows.keys
    return keys


def batch_problems(root: Path) -> list[CorruptError]:
    """What is wrong with the ledger; it never raises for damage."""
    problems = []
    for path in batch_record_paths(root):
        try:
            with BatchRequests(root, read_batch_record(path)):
                pass
        except CorruptError as exc:
            problems.append(exc)
    return problems


def batch_notes(root: Path) -> list[str]:
    """What the next run of the Batch API looks through, a sentence each."""
    notes = []
    for path in batch_record_paths(root):
        try:
            record = read_batch_record(path)
        except CorruptError:
            continue  # a problem, told there
        at = f"at {record.base_url}" if record.batch_id else "on their way out"
        notes.append(f"{path}: {record.n_requests} requests {at}, which the next run looks after")
    without = [path for path in _leftovers(root) if not path.name.startswith(".")]
    return [
        *notes,
        *(f"{path}: requests of no batch, the next run removes them" for path in without),
    ]


def _leftovers(root: Path) -> list[Path]:
    folder = root / BATCHES
    orphans = [
        path
        for path in sorted(folder.glob(f"batch-*{SUFFIX}"))
        if not batch_record_path(root, path.stem).exists()
    ]
    return [*orphans, *folder.glob(".*.tmp")]
