"""The records of batches: what a server that answers in hours was handed, and how far that came.

In:  a record.
Out: ``batches/<name>.json``, whose every flipped bit shows; the records that are there.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError
from langseg.cache.files import write_atomic
from langseg.cache.sealed import check_format, parse_line, render_line

BATCHES = "batches"
BATCH_FORMAT = 1
_SUFFIX = ".json"
_SEALED_END = "\n"  # the seal is of the line and its line feed


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


def read_batch_records(root: Path) -> list[BatchRecord]:
    """Every record. Raises: CorruptError, naming a damaged one."""
    return [read_batch_record(path) for path in batch_record_paths(root)]


def read_batch_record(path: Path) -> BatchRecord:
    """Raises: CorruptError, unless every byte is as it was written, under its own name.

    One of another format is a FormatError.
    """
    try:
        document = parse_line(path.read_bytes(), end=_SEALED_END)
    except (OSError, ValueError) as exc:
        raise changed(path, str(exc)) from exc
    check_format(path, "batch format", BATCH_FORMAT, document.get("v"))
    values: dict[str, Any] = {field.name: document.get(field.name) for field in fields(BatchRecord)}
    if any(type(values[field.name]) is not field.type for field in fields(BatchRecord)):
        raise changed(path, "a record of another shape")
    record = BatchRecord(**values)
    if record.name != path.stem:
        raise changed(path, "the record of another batch")
    return record


def write_batch_record(root: Path, record: BatchRecord) -> None:
    """Replace a record whole. Raises: OSError."""
    line = render_line({**asdict(record), "v": BATCH_FORMAT}, end=_SEALED_END)
    write_atomic(batch_record_path(root, record.name), line)


def batch_record_paths(root: Path) -> list[Path]:
    """Where a record is, readable or not."""
    return sorted((root / BATCHES).glob(f"batch-*{_SUFFIX}"))


def batch_record_path(root: Path, name: str) -> Path:
    """Where the record of a batch is, or would be."""
    return root / BATCHES / f"{name}{_SUFFIX}"


def changed(path: Path, got: str) -> CorruptError:
    """What to say of a file of the ledger that is not as it was written."""
    return CorruptError(
        f"{path}: wanted the bytes that were written, got {got}; restore it, or move {path.stem}.* "
        "away to ask for the requests of that batch again"
    )
