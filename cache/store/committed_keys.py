"""The keys a store holds, for the one writer that asks for them at every commit.

In:  the parts of the live manifest, and some keys.
Out: which of those keys the store has; each part is read once, however many commits follow.

Parts are immutable and named by their content, so what was read of one never goes stale, and a
commit of another writer (whose lock was removed by hand) only adds parts. The few keys asked
about are hashed and the many that are known are run past them: sets of them all took three
times the memory, and hashing them anew a second for each commit.

A writer that commits range after range of text ids has only the keys of one range in memory.
"""

from collections.abc import Sequence

import pyarrow as pa

from langseg.cache.errors import LangSegError
from langseg.cache.records import TABLES, arrow_schema
from langseg.cache.store.manifest import Part
from langseg.cache.store.row_checks import KEYS, joined_key
from langseg.cache.store.snapshot import Snapshot
from langseg.cache.store.text_id_ranges import TextIdRange

_TEXT_ID = pa.schema([pa.field("text_id", pa.string(), nullable=False)])


class KnownKeys:
    """Keys as ``joined_key`` spells them. Memory: about 70 bytes a row, of one range if given."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._chunks: dict[str, list[pa.Array]] = {}
        self._read: set[Part] = set()
        self._range: TextIdRange | None = None

    def narrow(self, id_range: TextIdRange) -> None:
        """Forget all keys, and from now on know those of texts and embeddings in a range only."""
        self._range = id_range
        self._chunks.clear()
        self._read.clear()

    def in_table(self, name: str, keys: pa.ChunkedArray) -> set[str]:
        """Which of the keys a table of ``records.TABLES`` has. Raises: CorruptError."""
        schema = arrow_schema(TABLES[name])
        columns = pa.schema([schema.field(column) for column in KEYS[name]])
        parts = self._snapshot.manifest.tables.get(name, ())
        return self._among(name, parts, columns, keys.combine_chunks())

    def of_encoder(self, encoder_id: str, keys: pa.ChunkedArray) -> set[str]:
        """Which of the text ids an encoder has embedded. Raises: CorruptError."""
        parts = self._snapshot.manifest.embeddings.get(encoder_id, ())
        return self._among(f"encoder={encoder_id}", parts, _TEXT_ID, keys.combine_chunks())

    def _among(
        self, group: str, parts: Sequence[Part], columns: pa.Schema, wanted_keys: pa.Array
    ) -> set[str]:
        import pyarrow.compute as pc

        id_range = self._range if columns.names == _TEXT_ID.names else None
        if id_range is not None and not all(key in id_range for key in wanted_keys.to_pylist()):
            raise LangSegError(
                f"commit: wanted texts of {id_range}, got others; nothing was committed"
            )
        chunks = self._chunks.setdefault(group, [])
        for part in parts:
            if part not in self._read:
                chunks.append(self._keys_of(part, columns, id_range))
                self._read.add(part)
        known: set[str] = set()
        for chunk in chunks:
            known.update(chunk.filter(pc.is_in(chunk, value_set=wanted_keys)).to_pylist())
        return known

    def _keys_of(self, part: Part, columns: pa.Schema, id_range: TextIdRange | None) -> pa.Array:
        pieces = self._snapshot.stream_parts([part], columns)
        mine = pieces if id_range is None else map(id_range.rows, pieces)
        rows = pa.concat_tables([columns.empty_table(), *mine])
        return joined_key(rows, columns.names).combine_chunks()
