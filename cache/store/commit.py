"""One commit: parts, then encoder records, then the link of the manifest, then the tidying.

In:  the tables of a batch, and the store they go to.
Out: a new live manifest; or an exception, and the old one.

The link is the commit. What follows it (``CURRENT``, ``views.sql``, removing journals whose rows
are in) may be cut off at any point, because every writer does it again when it opens the store.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from langseg.cache.errors import LangSegError, LockedError
from langseg.cache.files import sync_folder, write_atomic
from langseg.cache.records import SCHEMA_VERSION
from langseg.cache.sql.views import views_sql
from langseg.cache.store.committed_keys import KnownKeys
from langseg.cache.store.encoder_records import check_record, write_record
from langseg.cache.store.journal import JOURNALS, journal_path
from langseg.cache.store.manifest import (
    Manifest,
    Part,
    encoder_folder,
    live_manifest,
    publish,
    write_current,
)
from langseg.cache.store.parts import write_part
from langseg.cache.store.row_checks import (
    EMBEDDING_KEY,
    KEYS,
    check_rows,
    check_vectors,
    fresh_rows,
    joined_key,
)

if TYPE_CHECKING:
    from langseg.cache.store.store import Store

VIEWS = "views.sql"
Groups = dict[str, tuple[Part, ...]]


@dataclass(frozen=True)
class Batch:
    """What ``StoreWriter.commit`` was given; see there."""

    tables: Mapping[str, pa.Table]
    embeddings: Mapping[str, pa.Table]
    encoders: Mapping[str, Mapping[str, Any]]
    retired_journals: tuple[str, ...]


def commit_batch(store: "Store", batch: Batch, known: KnownKeys) -> Manifest:
    """Append what is not there yet and move the store on. Raises: LangSegError; CorruptError."""
    _check(store, batch)
    with disk_errors(store.path, "nothing was committed, the store is as it was"):
        manifest = _publish(store, batch, known)
    store.advance(manifest)
    with disk_errors(store.path, f"{manifest.name} is live all the same"):
        finish_commit(store.path, manifest)
    return manifest


def publish_alone(root: Path, base: Manifest, changed: Manifest, number: int) -> Manifest:
    """Make ``changed`` the child of ``base`` that has this number.

    For what replaces parts, and so must have seen them all. Raises: LockedError, where another
    writer was first all the same.
    """
    manifest = replace(changed, number=number, parent=base.sha256, schema_version=SCHEMA_VERSION)
    try:
        publish(root, manifest)
    except FileExistsError as exc:
        raise LockedError(
            f"{root}: wanted to be the only writer, got {manifest.name} of another one; nothing "
            "was changed, run the same command again when it is done"
        ) from exc
    return manifest


def finish_commit(root: Path, manifest: Manifest) -> None:
    """Everything that follows a published manifest; doing it twice is doing it once."""
    write_current(root, manifest)
    write_views(root, manifest)
    ingested = [path for name in manifest.journals if (path := journal_path(root, name)).exists()]
    for path in ingested:
        path.unlink()
    if ingested:
        sync_folder(root / JOURNALS)


def write_views(root: Path, manifest: Manifest) -> None:
    """Let ``views.sql`` be of this manifest and of this place: a store may have been copied."""
    views = views_sql(manifest.files(), root).encode()
    path = root / VIEWS
    if not path.is_file() or path.read_bytes() != views:
        write_atomic(path, views)


@contextmanager
def disk_errors(root: Path, outcome: str) -> Iterator[None]:
    """Say which path a disk refused, and what that means for the store."""
    try:
        yield
    except OSError as exc:
        raise LangSegError(
            f"{exc.filename or root}: the disk refused a write ({exc.strerror or exc}); "
            f"{outcome}; free some space or repair the disk, then run the same command again"
        ) from exc


def _check(store: "Store", batch: Batch) -> None:
    """Refuse what cannot go in before anything is written."""
    for name, table in batch.tables.items():
        check_rows(name, table)
    for encoder_id, record in batch.encoders.items():
        check_record(encoder_id, record)
    known = {**batch.encoders, **(store.encoders() if batch.embeddings else {})}
    for encoder_id, table in batch.embeddings.items():
        check_vectors(encoder_id, table, known.get(encoder_id))


def _publish(store: "Store", batch: Batch, known: KnownKeys) -> Manifest:
    while True:
        base = store.manifest
        grown = replace(
            base,
            tables=_add_rows(store, batch, known),
            encoders=_add_records(store, batch),
            embeddings=_add_vectors(store, batch, known),
        )
        if grown == base and not batch.retired_journals:
            return base
        kept = (name for name in base.journals if journal_path(store.path, name).exists())
        manifest = replace(
            grown,
            number=base.number + 1,
            parent=base.sha256,
            schema_version=SCHEMA_VERSION,
            journals=(*kept, *batch.retired_journals),
        )
        try:
            publish(store.path, manifest)
        except FileExistsError:  # the lock was removed by hand: go on from the other's commit
            store.advance(live_manifest(store.path))
        else:
            return manifest


def _add_rows(store: "Store", batch: Batch, known: KnownKeys) -> Groups:
    groups = dict(store.manifest.tables)
    for name, table in batch.tables.items():
        keys = joined_key(table, KEYS[name])
        fresh = fresh_rows(table, keys, known.in_table(name, keys))
        if fresh.num_rows:
            groups[name] = (*groups.get(name, ()), write_part(store.path, name, fresh))
    return groups


def _add_vectors(store: "Store", batch: Batch, known: KnownKeys) -> Groups:
    groups = dict(store.manifest.embeddings)
    for encoder_id, table in batch.embeddings.items():
        keys = joined_key(table, EMBEDDING_KEY)
        fresh = fresh_rows(table, keys, known.of_encoder(encoder_id, keys))
        if fresh.num_rows:
            part = write_part(store.path, encoder_folder(encoder_id), fresh)
            groups[encoder_id] = (*groups.get(encoder_id, ()), part)
    return groups


def _add_records(store: "Store", batch: Batch) -> dict[str, str]:
    hashes = dict(store.manifest.encoders)
    for encoder_id, record in batch.encoders.items():
        if encoder_id not in hashes:
            hashes[encoder_id] = write_record(store.path, encoder_id, record)
    return hashes
