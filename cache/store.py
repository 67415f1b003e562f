"""The store: Parquet tables that are read through one manifest, and through nothing else.

In:  a folder.
Out: verified Arrow tables of one snapshot, and the writer that makes the next one.

    CURRENT, manifests/, journal/, requests/, responses/, descriptors/, texts/, encoders/,
    embeddings/encoder=<id>/, views.sql, LOCK

Readers never list a folder for data: a file the manifest does not name does not exist.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from langseg.cache.commit import disk_errors, finish_commit
from langseg.cache.encoders import read_record
from langseg.cache.errors import InputError
from langseg.cache.files import make_folder
from langseg.cache.lock import store_lock
from langseg.cache.manifest import (
    Manifest,
    Part,
    is_store,
    live_manifest,
    publish,
)
from langseg.cache.parts import check_part, read_part
from langseg.cache.records import TABLES, arrow_schema, embedding_schema
from langseg.cache.verify import examine
from langseg.cache.writer import StoreWriter

__all__ = ["Store", "StoreWriter"]


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
        Raises: InputError, where no store is; LangSegError, where none can be made.
        """
        if not is_store(path):
            if not create:
                raise InputError(f"{path}: no store is here; `langseg-desc generate` makes one")
            with disk_errors(path, "no store was made"):
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
        parts = self.manifest.tables.get(name, ())
        return self._read(parts, arrow_schema(TABLES[name]), columns)

    def embeddings(self, encoder_id: str, columns: Sequence[str] | None = None) -> pa.Table:
        """What one text encoder made, with the columns of ``records.embedding_schema``.

        Raises: InputError, for an encoder the store does not know; CorruptError, as ``table``.
        """
        record = self.encoders().get(encoder_id)
        if record is None:
            known = ", ".join(self.manifest.encoders) or "none"
            raise InputError(
                f"{self.path}: wanted embeddings of {encoder_id!r}, the store has {known}; "
                "`langseg-desc encode` makes them"
            )
        parts = self.manifest.embeddings.get(encoder_id, ())
        return self._read(parts, embedding_schema(record["dim"]), columns)

    def encoders(self) -> dict[str, dict[str, Any]]:
        """Encoder id -> its record. Raises: CorruptError, for a damaged record."""
        listed = self.manifest.encoders.items()
        return {name: read_record(self.path, name, sha256) for name, sha256 in listed}

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, or of ``embeddings``; not verified, so not for reading."""
        return [self.path / part for part in self.manifest.files().get(table, ())]

    def answered_keys(self) -> set[str]:
        """Requests that need not be asked again: any answer but ``failed`` was paid for."""
        table = self.table("responses", ("request_key", "status"))
        rows = zip(table["request_key"].to_pylist(), table["status"].to_pylist(), strict=True)
        return {key for key, status in rows if status != "failed"}

    @contextmanager
    def writer(self, wait_s: float = 0.0) -> Iterator[StoreWriter]:
        """Hold the store for writing; this store then reads the newest snapshot.

        Args:
            wait_s: how long to wait for another writer; 0 tries once.

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

    def verify(self) -> list[str]:
        """Everything that is wrong on the disk now, a sentence each; it never raises for damage."""
        return examine(self.path).problems

    def _read(
        self, parts: Sequence[Part], schema: pa.Schema, columns: Sequence[str] | None
    ) -> pa.Table:
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        tables = []
        for part in parts:
            if part not in self._checked:
                check_part(self.path, part)
                self._checked.add(part)
            tables.append(read_part(self.path, part, wanted))
        return pa.concat_tables([wanted.empty_table(), *tables])


def _publish_first(path: Path) -> None:
    first = Manifest()
    try:
        publish(path, first)
    except FileExistsError:  # another process made the store at the same moment
        return
    finish_commit(path, first)
