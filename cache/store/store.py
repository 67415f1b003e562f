"""The store: a folder of Parquet tables, found or made at its path, with one writer at a time.

In:  a folder.
Out: the snapshot of it that is read, and the writer that makes the next one.

    CURRENT, manifests/, journal/, batches/, requests/, responses/, descriptors/, texts/, encoders/,
    embeddings/encoder=<id>/, views.sql, LOCK
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from langseg.cache.errors import CorruptError, InputError, LangSegError, Remedy
from langseg.cache.files import disk_errors, make_folder
from langseg.cache.records import EMBEDDINGS, TABLES
from langseg.cache.store.commit import finish_commit
from langseg.cache.store.lock import store_lock
from langseg.cache.store.manifest import (
    CURRENT,
    MANIFESTS,
    Manifest,
    is_store,
    live_manifest,
    publish,
)
from langseg.cache.store.snapshot import Snapshot
from langseg.cache.store.writer import StoreWriter

# what a path that can never hold a store ends with: a file in the way, /proc, no permission
_NO_PLACE = (errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS)


class Store(Snapshot):
    """A snapshot of a store that was found, or made, at its path and can be written to."""

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
                    raise InputError(f"{path}: no store is here", Remedy.GENERATE)
                make_folder(path)
                _publish_first(path)
        return cls(path)

    @contextmanager
    def writer(self) -> Iterator[StoreWriter]:
        """Hold the store for writing; this store then reads the newest snapshot.

        Raises: LockedError, naming the process that writes; CorruptError; LangSegError.
        """
        with store_lock(self.path):
            self.advance(live_manifest(self.path))
            with disk_errors(self.path, "the store is as it was"):
                finish_commit(self.path, self.manifest)
            writer = StoreWriter(self)
            try:
                yield writer
            finally:
                writer.close()


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
                f"{cause.strerror}",
                Remedy.OTHER_STORE,
            ) from cause
        raise


def _check_free(path: Path) -> None:
    """Raises: CorruptError, where a new store would bury the parts of an old one."""
    for folder in (*TABLES, EMBEDDINGS):
        part = next((path / folder).rglob("*.parquet"), None)
        if part is not None:
            raise CorruptError(
                f"{path}: wanted a store or an empty folder, got {part.relative_to(path)} without "
                f"a manifest; put {MANIFESTS}/ and {CURRENT} back, or make the store elsewhere",
                Remedy.REPAIR,
            )


def _publish_first(path: Path) -> None:
    first = Manifest()
    try:
        publish(path, first)
    except FileExistsError:  # another process made the store at the same moment
        return
    finish_commit(path, first)
