"""The keys a store holds, for the one writer that asks for them at every commit.

In:  the parts of the live manifest, and some keys.
Out: which of those keys the store has; each part is read once, however many commits follow.

Parts are immutable and named by their content, so what was read of one never goes stale, and a
commit of another writer (whose lock was removed by hand) only adds parts. The few keys asked
about are hashed and the many that are known are run past them: sets of them all took three
times the memory, and hashing them anew a second for each commit.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from langseg.cache.incoming import EMBEDDING_KEY, KEYS, joined_key
from langseg.cache.manifest import Part
from langseg.cache.records import TABLES, arrow_schema

if TYPE_CHECKING:
    from langseg.cache.store import Store

_TEXT_ID = pa.schema([pa.field("text_id", pa.string(), nullable=False)])


class KnownKeys:
    """Keys as ``joined_key`` spells them. Memory: about 70 bytes a row."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._chunks: dict[str, list[pa.Array]] = {}
        self._read: set[Part] = set()

    def in_table(self, name: str, keys: pa.ChunkedArray) -> set[str]:
        """Which of the keys a table of ``records.TABLES`` has. Raises: CorruptError."""
        schema = arrow_schema(TABLES[name])
        wanted = pa.schema([schema.field(column) for column in KEYS[name]])
        self._grow(name, self._store.manifest.tables.get(name, ()), wanted, KEYS[name])
        return self._among(name, keys)

    def of_encoder(self, encoder_id: str, keys: pa.ChunkedArray) -> set[str]:
        """Which of the text ids an encoder has embedded. Raises: CorruptError."""
        group = f"encoder={encoder_id}"
        parts = self._store.manifest.embeddings.get(encoder_id, ())
        self._grow(group, parts, _TEXT_ID, EMBEDDING_KEY)
        return self._among(group, keys)

    def _among(self, group: str, keys: pa.ChunkedArray) -> set[str]:
        import pyarrow.compute as pc

        found: set[str] = set()
        asked = keys.combine_chunks()
        for chunk in self._chunks[group]:
            found.update(chunk.filter(pc.is_in(chunk, value_set=asked)).to_pylist())
        return found

    def _grow(
        self, group: str, parts: Sequence[Part], wanted: pa.Schema, keys: Sequence[str]
    ) -> None:
        chunks = self._chunks.setdefault(group, [])
        unread = [part for part in parts if part not in self._read]
        chunks += joined_key(self._store.read_parts(unread, wanted), keys).chunks
        self._read.update(unread)
