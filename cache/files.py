"""Write whole files or none: beside, fsync, rename, fsync the folder.

In:  a target path and its bytes.
Out: the file under its name, complete and on disk; or an exception and no file.

A crash at any moment leaves the old file or the new one; a leftover temporary file is named
``.*.tmp`` and is nobody's input. After a failed fsync the temporary file is thrown away and
never synced again, because the kernel may have marked the lost pages clean (ATC 2020).
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from langseg.cache.errors import LangSegError

DAMAGED = ".damaged"
_NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)  # exFAT, some network folders


def write_atomic(path: Path, *data: bytes | memoryview) -> None:
    """Put the pieces of ``data`` under ``path``, replacing what stood there. Raises: OSError."""
    beside = _write_beside(path, data)
    try:
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Put ``data`` under ``path`` unless something stands there: of two writers, one wins.

    On a file system without hard links, "unless" is a look before the rename, which is safe
    only under a lock. Raises: FileExistsError, when another was first; OSError.
    """
    beside = _write_beside(path, [data])
    try:
        os.link(beside, path)
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from exc
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(folder: Path) -> Path:
    """The folder itself, made with its parents if need be, so that it survives a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    return folder


def temporary_beside(path: Path) -> Path:
    """A fresh name in the same folder, so that a rename stays on one file system."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")


def set_aside(path: Path) -> Path:
    """Rename a damaged file to ``<file>.<hash>.damaged``, which nothing reads. Raises: OSError."""
    aside = damaged_name(path)
    path.replace(aside)
    sync_folder(path.parent)
    return aside


def damaged_name(path: Path) -> Path:
    """What a damaged file is kept as; another for other bytes."""
    return path.with_name(f"{path.name}.{sha256_of(path)[:8]}{DAMAGED}")


def sync_folder(folder: Path) -> None:
    """Make the folder's entries (renames, links) survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes, read in one pass with bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _write_beside(path: Path, data: Iterable[bytes | memoryview]) -> Path:
    beside = temporary_beside(path)
    try:
        with beside.open("xb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside
