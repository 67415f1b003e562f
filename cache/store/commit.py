"""One commit: parts, then encoder records, then the link of the manifest, then the tidying.

In:  tables and encoder records to add, and the snapshot they are added to.
Out: a new live manifest; or an exception, and the old one.

The link is the commit. What follows it (``CURRENT``, ``views.sql``, removing journals whose rows
are in) may be cut off at any point, because every writer does it again when it opens the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from langseg.cache.errors import LockedError
from langseg.cache.files import disk_errors, sync_folder
from langseg.cache.sql.views import write_views
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
from langseg.cache.store.snapshot import Snapshot

Groups = dict[str, tuple[Part, ...]]


@dataclass(frozen=True)
class Changes:
    """What ``StoreWriter.commit`` was given; see there."""

    tables: Mapping[str, pa.Table]
    embeddings: Mapping[str, pa.Table]
    encoders: Mapping[str, Mapping[str, Any]]
    retired_journals: tuple[str, ...]


def commit_changes(snapshot: Snapshot, changes: Changes, known: KnownKeys) -> Manifest:
    """Append what is not there yet and move the store on. Raises: LangSegError; CorruptError."""
    _check(snapshot, changes)
    with disk_errors(snapshot.path, "nothing was committed, the store is as it was"):
        manifest = _publish(snapshot, changes, known)
    snapshot.advance(manifest)
    with disk_errors(snapshot.path, f"{manifest.name} is live all the same"):
        finish_commit(snapshot.path, manifest)
    return manifest


def publish_alone(root: Path, base: Manifest, changed: Manifest, number: int) -> Manifest:
    """Make ``changed`` the child of ``base`` that has this number.

    For what replaces parts, and so must have seen them all. Raises: LockedError, where another
    writer was first all the same.
    """
    manifest = replace(changed, number=number, parent=base.sha256)
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
    write_views(root, manifest.files())
    ingested = [path for name in manifest.journals if (path := journal_path(root, name)).exists()]
    for path in ingested:
        path.unlink()
    if ingested:
        sync_folder(root / JOURNALS)


def _check(snapshot: Snapshot, changes: Changes) -> None:
    """Refuse what cannot go in before anything is written."""
    for name, table in changes.tables.items():
        check_rows(name, table)
    for encoder_id, record in changes.encoders.items():
        check_record(encoder_id, record)
    known = {**changes.encoders, **(snapshot.encoders() if changes.embeddings else {})}
    for encoder_id, table in changes.embeddings.items():
        check_vectors(encoder_id, table, known.get(encoder_id))


def _publish(snapshot: Snapshot, changes: Changes, known: KnownKeys) -> Manifest:
    while True:
        base = snapshot.manifest
        grown = replace(
            base,
            tables=_add_rows(snapshot, changes, known),
            encoders=_add_records(snapshot, changes),
            embeddings=_add_vectors(snapshot, changes, known),
        )
        if grown == base and not changes.retired_journals:
            return base
        left = (name for name in base.journals if journal_path(snapshot.path, name).exists())
        manifest = replace(
            grown,
            number=base.number + 1,
            parent=base.sha256,
            journals=(*left, *changes.retired_journals),
        )
        try:
            publish(snapshot.path, manifest)
        except FileExistsError:  # the lock was removed by hand: go on from the other's commit
            snapshot.advance(live_manifest(snapshot.path))
        else:
            return manifest


def _add_rows(snapshot: Snapshot, changes: Changes, known: KnownKeys) -> Groups:
    groups = dict(snapshot.manifest.tables)
    for name, table in changes.tables.items():
        keys = joined_key(table, KEYS[name])
        fresh = fresh_rows(table, keys, known.in_table(name, keys))
        if fresh.num_rows:
            groups[name] = (*groups.get(name, ()), write_part(snapshot.path, name, fresh))
    return groups


def _add_vectors(snapshot: Snapshot, changes: Changes, known: KnownKeys) -> Groups:
    groups = dict(snapshot.manifest.embeddings)
    for encoder_id, table in changes.embeddings.items():
        keys = joined_key(table, EMBEDDING_KEY)
        fresh = fresh_rows(table, keys, known.of_encoder(encoder_id, keys))
        if fresh.num_rows:
            part = write_part(snapshot.path, encoder_folder(encoder_id), fresh)
            groups[encoder_id] = (*groups.get(encoder_id, ()), part)
    return groups


def _add_records(snapshot: Snapshot, changes: Changes) -> dict[str, str]:
    hashes = dict(snapshot.manifest.encoders)
    for encoder_id, record in changes.encoders.items():
        if encoder_id not in hashes:
            hashes[encoder_id] = write_record(snapshot.path, encoder_id, record)
    return hashes
