"""The store: Parquet tables that are read through one manifest, and through nothing else.

In:  a folder.
Out: verified Arrow tables of one snapshot, and the writer that makes the next one.

    CURRENT, manifests/, journal/, batches/, requests/, responses/, descriptors/, texts/, encoders/,
    embeddings/encoder=<id>/, views.sql, LOCK

Readers never list a folder for data: a file the manifest does not name does not exist.
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from langseg.cache.errors import CorruptError, InputError, LangSegError
from langseg.cache.files import make_folder
from langseg.cache.records import TABLES, arrow_schema, embedding_schema
from langseg.cache.store.commit import disk_errors, finish_commit
from langseg.cache.store.encoder_records import read_record
from langseg.cache.store.lock import store_lock
from langseg.cache.store.manifest import (
    CURRENT,
    EMBEDDINGS,
    MANIFESTS,
    Manifest,
    Part,
    is_store,
    live_manifest,
    publish,
    while_kept,
)
from langseg.cache.store.parts import check_part, read_part, stream_part
from langseg.cache.store.writer import StoreWriter
from langseg.cache.upkeep.verify import Findings, examine

__all__ = ["Store", "StoreWriter"]

STREAMED_ROWS = 8192
# what a path that can never hold a store ends with: a file in the way, /proc, no permission
_NO_PLACE = (errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS)


class Store:
    """One snapshot of a store. It moves on only with its own writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: Manifest | None = None
        self._checked: set[Part] = set()

    @classmethod
    def open(cls, path: Path, create: bool = False) -> Self:
        """Open the store at ``path``; with ``create``, make an empty one where none is.

        Nothing but its existence is looked at yet, so that ``verify`` works on any damage.
        Raises: InputError, where no store is and where none can be; CorruptError, where the
        parts of a store are but no manifest; LangSegError, for a disk that fails.
        """
        with _refused_places(path), disk_errors(path, "no store was made"):
            if not is_store(path):
                _check_free(path)
                if not create:
                    raise InputError(f"{path}: no store is here; `langseg-desc generate` makes one")
                make_folder(path)
                _publish_first(path)
        return cls(path)

    @property
    def manifest(self) -> Manifest:
        """The snapshot, taken at its first use. Raises: CorruptError."""
        if self._manifest is None:
            self._manifest = live_manifest(self.path)
        return self._manifest

    def advance(self, manifest: Manifest) -> None:
        """Read from this manifest from now on."""
        self._manifest = manifest

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table of ``records.TABLES``, or some columns of it, in the order of the commits.

        Each part's sha256 is verified once for each open store, its page checksums every time.
        Raises: CorruptError, naming the file that is damaged or missing.
        """
        return self.read_parts(*self._of_table(name, columns))

    def embeddings(self, encoder_id: str, columns: Sequence[str] | None = None) -> pa.Table:
        """What one text encoder made, with the columns of ``records.embedding_schema``.

        Raises: InputError, for an encoder the store does not know; CorruptError, as ``table``.
        """
        return self.read_parts(*self._of_encoder(encoder_id, columns))

    def stream(
        self, name: str, columns: Sequence[str] | None = None, rows: int = STREAMED_ROWS
    ) -> Iterator[pa.Table]:
        """``table``, in pieces of so many rows, of which none is kept."""
        yield from self.stream_parts(*self._of_table(name, columns), rows)

    def stream_embeddings(
        self, encoder_id: str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """``embeddings``, in pieces of which none is kept."""
        yield from self.stream_parts(*self._of_encoder(encoder_id, columns))

    def encoders(self) -> dict[str, dict[str, Any]]:
        """Encoder id -> its record. Raises: CorruptError, for a damaged record."""
        listed = self.manifest.encoders.items()
        return {name: read_record(self.path, name, sha256) for name, sha256 in listed}

    @contextmanager
    def writer(self, wait_s: float = 0.0) -> Iterator[StoreWriter]:
        """Hold the store for writing; this store then reads the newest snapshot.

        Another writer is waited for ``wait_s`` seconds, which may be ``inf``.

        Raises: LockedError, naming the process that writes; CorruptError; LangSegError.
        """
        with store_lock(self.path, wait_s):
            self.advance(live_manifest(self.path))
            with disk_errors(self.path, "the store is as it was"):
                finish_commit(self.path, self.manifest)
            writer = StoreWriter(self)
            try:
                yield writer
            finally:
                writer.close()

    def verify(self) -> Findings:
        """Everything that is wrong on the disk now, a sentence each; it never raises for damage."""
        return examine(self.path)

    def read_parts(self, parts: Sequence[Part], wanted: pa.Schema) -> pa.Table:
        """Some parts of the manifest, with the columns of ``wanted``.

        Raises: CorruptError; CollectedError, for a snapshot that was removed since it was opened.
        """
        tables = []
        with while_kept(self.path, self.manifest):
            for part in parts:
                self._check(part)
                tables.append(read_part(self.path, part, wanted))
        return pa.concat_tables([wanted.empty_table(), *tables])

    def stream_parts(
        self, parts: Sequence[Part], wanted: pa.Schema, rows: int = STREAMED_ROWS
    ) -> Iterator[pa.Table]:
        """``read_parts``, in pieces of so many rows, of which none is kept.

        A part is verified before its first piece. Raises: as ``read_parts``.
        """
        with while_kept(self.path, self.manifest):
            for part in parts:
                self._check(part)
                yield from stream_part(self.path, part, wanted, rows)

    def _check(self, part: Part) -> None:
        if part not in self._checked:
            check_part(self.path, part)
            self._checked.add(part)

    def _of_table(
        self, name: str, columns: Sequence[str] | None
    ) -> tuple[Sequence[Part], pa.Schema]:
        return self.manifest.tables.get(name, ()), _some(arrow_schema(TABLES[name]), columns)

    def _of_encoder(
        self, encoder_id: str, columns: Sequence[str] | None
    ) -> tuple[Sequence[Part], pa.Schema]:
        record = self.encoders().get(encoder_id)
        if record is None:
            known = ", ".join(self.manifest.encoders) or "none"
            raise InputError(
                f"{self.path}: wanted embeddings of {encoder_id!r}, the store has {known}; "
                "`langseg-desc encode` makes them"
            )
        parts = self.manifest.embeddings.get(encoder_id, ())
        return parts, _some(embedding_schema(record["dim"]), columns)


@contextmanager
def _refused_places(path: Path) -> Iterator[None]:
    """A path that can hold no store is a mistake in the input, not a fault of the disk."""
    try:
        yield
    except LangSegError as exc:
        cause = exc.__cause__
        if isinstance(cause, OSError) and cause.errno in _NO_PLACE:
            raise InputError(
                f"{path}: wanted a folder for a store that can be read and written, got "
                f"{cause.strerror}; give another with --store"
            ) from cause
        raise


def _check_free(path: Path) -> None:
    """Raises: CorruptError, where a new store would bury the parts of an old one."""
    for folder in (*TABLES, EMBEDDINGS):
        part = next((path / folder).rglob("*.parquet"), None)
        if part is not None:
            raise CorruptError(
                f"{path}: wanted a store or an empty folder, got {part.relative_to(path)} without "
                f"a manifest; put {MANIFESTS}/ and {CURRENT} back, let `langseg-desc repair` make "
                "one of all parts that are whole, or give another --store"
            )


def _some(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])


def _publish_first(path: Path) -> None:
    first = Manifest()
    try:
        publish(path, first)
    except FileExistsError:  # another process made the store at the same moment
        return
    finish_commit(path, first)
