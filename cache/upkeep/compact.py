"""Merge the many small parts that commits leave into few large ones.

In:  a store.
Out: a manifest of the same rows in the same order, in fewer parts.

2,000 small parts make one aggregate 75 times slower than one large part does. Parts are merged
whole and side by side, so no answer's descriptors are torn apart, and a row group at a time, so
memory does not grow with the store. The old parts stay for readers that hold an older snapshot,
until ``gc``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from langseg.cache.files import disk_errors
from langseg.cache.records import TABLES, arrow_schema, embedding_schema
from langseg.cache.store.commit import finish_commit, publish_alone
from langseg.cache.store.encoder_records import read_record
from langseg.cache.store.manifest import Manifest, Part, encoder_folder
from langseg.cache.store.parts import merge_parts
from langseg.cache.store.store import Store

SMALL_BYTES = 32 * 2**20  # a smaller part is worth merging
LARGE_BYTES = 128 * 2**20  # merged parts do not grow beyond this


@dataclass(frozen=True)
class Compacted:
    """The live manifest, whether it is a new one, and how many parts there were and are."""

    manifest: str
    changed: bool
    parts_before: int
    parts_after: int


def compact(
    store: Store, *, small_bytes: int = SMALL_BYTES, large_bytes: int = LARGE_BYTES
) -> Compacted:
    """Merge small parts into large ones.

    Raises: LockedError; CorruptError, for a damaged part; LangSegError, for a disk that refuses.
    The store is then as it was.
    """
    with store.writer(), disk_errors(store.path, "nothing was committed, the store is as it was"):
        base = store.manifest

        def merged(folder: str, parts: Sequence[Part], schema: pa.Schema) -> tuple[Part, ...]:
            runs = _runs(store.path, parts, small_bytes, large_bytes)
            return tuple(_merged(store.path, folder, run, schema) for run in runs)

        tables = {
            name: merged(name, parts, arrow_schema(TABLES[name]))
            for name, parts in base.tables.items()
        }
        embeddings = {
            name: merged(
                encoder_folder(name), parts, embedding_schema(_dim(store.path, base, name))
            )
            for name, parts in base.embeddings.items()
        }
        manifest = replace(base, tables=tables, embeddings=embeddings)
        if manifest != base:
            manifest = publish_alone(store.path, base, manifest, base.number + 1)
            store.advance(manifest)
            finish_commit(store.path, manifest)
    return Compacted(manifest.name, manifest != base, len(base.parts()), len(manifest.parts()))


def _runs(
    root: Path, parts: Sequence[Part], small_bytes: int, large_bytes: int
) -> list[tuple[Part, ...]]:
    """Neighbours to be merged, and parts to be left alone, in their order."""
    runs: list[tuple[Part, ...]] = []
    size = large_bytes  # of the run that is open; full at first
    for part in parts:
        own = (root / part.path).stat().st_size
        if own < small_bytes and size + own <= large_bytes:
            runs[-1] += (part,)
            size += own
        else:
            runs.append((part,))
            size = own if own < small_bytes else large_bytes
    return runs


def _merged(root: Path, folder: str, run: tuple[Part, ...], schema: pa.Schema) -> Part:
    return run[0] if len(run) == 1 else merge_parts(root, folder, run, schema)


def _dim(root: Path, manifest: Manifest, encoder_id: str) -> int:
    dim: int = read_record(root, encoder_id, manifest.encoders[encoder_id])["dim"]
    return dim
