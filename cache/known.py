"""The keys a store holds, for the one writer that asks for them at every commit.

In:  the parts of the live manifest.
Out: a set of keys for each table and encoder; each part is read once, however many commits follow.

Parts are immutable and named by their content, so what was read of one never goes stale, and a
commit of another writer (whose lock was removed by hand) only adds parts.
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
    """Keys as ``joined_key`` spells them. Memory: about 150 bytes a row."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._keys: dict[str, set[str]] = {}
        self._read: set[Part] = set()

    def of_table(self, name: str) -> set[str]:
        """Every key of a table of ``records.TABLES``. Raises: CorruptError."""
        schema = arrow_schema(TABLES[name])
        wanted = pa.schema([schema.field(column) for column in KEYS[name]])
        return self._grown(name, self._store.manifest.tables.get(name, ()), wanted, KEYS[name])

    def of_encoder(self, encoder_id: str) -> set[str]:
        """The text ids that an encoder has embedded. Raises: CorruptError."""
        parts = self._store.manifest.embeddings.get(encoder_id, ())
        return self._grown(f"encoder={encoder_id}", parts, _TEXT_ID, EMBEDDING_KEY)

    def _grown(
        self, group: str, parts: Sequence[Part], wanted: pa.Schema, keys: Sequence[str]
    ) -> set[str]:
        known = self._keys.setdefault(group, set())
        unread = [part for part in parts if part not in self._read]
        known.update(joined_key(self._store.read_parts(unread, wanted), keys).to_pylist())
        self._read.update(unread)
        return known
