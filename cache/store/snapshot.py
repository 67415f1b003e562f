"""Read a store: the tables of one snapshot, through its manifest and through nothing else.

In:  the folder of a store.
Out: verified Arrow tables, or an error that names the file that is damaged.

Readers never list a folder for data: a file the manifest does not name does not exist.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa

from langseg.cache.errors import InputError, Remedy
from langseg.cache.records import TABLES, arrow_schema, embedding_schema
from langseg.cache.store.encoder_records import read_record
from langseg.cache.store.manifest import Manifest, Part, live_manifest, while_kept
from langseg.cache.store.parts import check_part, read_part, stream_part

STREAMED_ROWS = 8192


class Snapshot:
    """What a store held when it was first read. It moves on only with the store's own writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: Manifest | None = None
        self._checked: set[Part] = set()

    @property
    def manifest(self) -> Manifest:
        """The snapshot, taken at its first use. Raises: CorruptError."""
        if self._manifest is None:
            self._manifest = live_manifest(self.path)
        return self._manifest

    def advance(self, manifest: Manifest) -> None:
        """Read from this manifest from now on."""
        self._manifest = manifest

    def table(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
    ) -> pa.Table:
        """A table of ``records.TABLES``, or some of it, in the order of the commits.

        Each part's sha256 is verified once for each open store, its page checksums every time.

        Args:
            columns: of the table, in this order; all of them unless given.
            where: column -> the values of it that are wanted; it need not be in ``columns``.

        Raises: CorruptError, naming the file that is damaged or missing.
        """
        parts = self.manifest.tables.get(name, ())
        return self._selected(parts, arrow_schema(TABLES[name]), columns, where or {})

    def embeddings(
        self,
        encoder_id: str,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
    ) -> pa.Table:
        """What one text encoder made, as ``table``, of columns of ``records.embedding_schema``.

        Raises: InputError, for an encoder the store does not know; CorruptError, as ``table``.
        """
        parts, schema = self._of_encoder(encoder_id)
        return self._selected(parts, schema, columns, where or {})

    def stream(
        self, name: str, columns: Sequence[str] | None = None, rows: int = STREAMED_ROWS
    ) -> Iterator[pa.Table]:
        """``table``, in pieces of so many rows, of which none is kept."""
        schema = arrow_schema(TABLES[name])
        yield from self.stream_parts(
            self.manifest.tables.get(name, ()), _some(schema, columns), rows
        )

    def stream_embeddings(
        self, encoder_id: str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """``embeddings``, in pieces of which none is kept."""
        parts, schema = self._of_encoder(encoder_id)
        yield from self.stream_parts(parts, _some(schema, columns))

    def encoders(self) -> dict[str, dict[str, Any]]:
        """Encoder id -> its record. Raises: CorruptError, for a damaged record."""
        listed = self.manifest.encoders.items()
        return {name: read_record(self.path, name, sha256) for name, sha256 in listed}

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

    def _of_encoder(self, encoder_id: str) -> tuple[Sequence[Part], pa.Schema]:
        record = self.encoders().get(encoder_id)
        if record is None:
            known = ", ".join(self.manifest.encoders) or "none"
            raise InputError(
                f"{self.path}: wanted embeddings of {encoder_id!r}, the store has {known}",
                Remedy.ENCODE,
            )
        return self.manifest.embeddings.get(encoder_id, ()), embedding_schema(record["dim"])

    def _selected(
        self,
        parts: Sequence[Part],
        schema: pa.Schema,
        columns: Sequence[str] | None,
        where: Mapping[str, Collection[Any]],
    ) -> pa.Table:
        import pyarrow.compute as pc

        wanted = _some(schema, columns)
        if not where:
            return self.read_parts(parts, wanted)
        keys = _some(schema, list(where))
        values = {field.name: pa.array(list(where[field.name]), field.type) for field in keys}
        tables = [wanted.empty_table()]
        for part in parts:  # the texts of parts without a row of it stay on the disk
            table = self.read_parts([part], keys)
            masks = [pc.is_in(table[name], value_set=values[name]) for name in keys.names]
            mask = reduce(pc.and_, masks)
            if pc.any(mask).as_py():
                tables.append(self.read_parts([part], wanted).filter(mask))
        return pa.concat_tables(tables)


def _some(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])
