"""Keep a folder of features within its bound, and what a run reads out of the way of others.

In:  a FeatureStore, the names of the maps that a run reads, the bytes that it will add.
Out: room for them, and a lock in the store's set that dies with its process; or an error before
     the first picture is read.

What was used longest ago is dropped first, and nothing of a run in progress. Every run renews the
times of the files that it reads.
"""

import errno
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from math import ceil, floor, log10
from pathlib import Path
from uuid import uuid4

from filelock import BaseFileLock, FileLock

from langseg.cache.errors import InputError, LangSegError, LockedError
from langseg.cache.files import write_atomic
from langseg.segmenter.features.store import MAX_HELD, SUFFIX, UNWRITABLE, FeatureStore

CARD = "set.json"  # what decides the maps of a set, for a person who wonders
STALE_S = 3600.0  # a file that is still "beside" after so long is a killed process's
_LOCKS_FAIL = (OSError, NotImplementedError)  # filelock's words for a file system without locks
_PATIENCE_S = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


def make_room(
    store: FeatureStore, names: Collection[str], more: int, what: str, instead: str,
    mine: BaseFileLock | None,
) -> None:  # fmt: skip
    """Make room for ``more`` bytes beside what there is of ``names``.

    Args: what: this run reads, and ``instead``: what else it could do, in words, for a message;
        mine: the run's own ``mark``.

    Raises: InputError, where the bound or memory is too small for this run alone; LockedError,
    where other runs leave too little of the bound; LangSegError, where the disk is too small.
    """
    root, bound = store.where.path, store.where.max_bytes
    if root is None or not store.writable:
        if more > min(bound, MAX_HELD):
            why = "" if root is None else f"{root}: cannot be written to, and "
            raise InputError(
                f"{why}{what} would take {gib(more)} of memory, above {gib(min(bound, MAX_HELD))}; "
                f"keep them in a folder that is given with --features, or {instead}"
            )
        return
    own = [store.file(name) for name in names]
    kept = sum(map(_renewed, own))
    if kept + more > bound:
        raise InputError(
            f"{root}: {what} would take {gib(kept + more)}, above the bound of {gib(bound)}; give "
            f"--features-gib {_bound_for(kept + more)}, or {instead}"
        )
    with _alone(root / "room.lock"):
        over = _drop(root, set(own), bound - more, mine)
    if over > 0:
        raise LockedError(
            f"{root}: {what} would take {gib(more)} more, and what other runs read leaves "
            f"{gib(more - over)} of the bound of {gib(bound)}; give --features-gib "
            f"{_bound_for(bound + over)}, or wait for them"
        )
    free = shutil.disk_usage(root).free
    if more > free:
        raise LangSegError(
            f"{root}: {what} would take {gib(more)} more, and the disk has {gib(free)}; free some "
            f"space, give a folder on another disk with --features, or {instead}"
        )


def mark(store: FeatureStore) -> BaseFileLock | None:
    """A lock in the store's set, held while the run reads it; None where there can be none.

    Raises: InputError, for a path that is no folder; LangSegError, for a disk that refuses one.
    """
    if store.folder is None:
        return None
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        if not (store.folder / CARD).exists():
            write_atomic(store.folder / CARD, store.card.encode())
        for left in store.folder.glob(".*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > STALE_S:
                    left.unlink()
    except (FileExistsError, NotADirectoryError) as exc:
        raise InputError(
            f"{store.where.path}: wanted a folder for features, got a file; give another with "
            "--features"
        ) from exc
    except OSError as exc:
        if exc.errno not in UNWRITABLE:
            raise refused(store, exc) from exc
        store.writable = False
        return None
    lock = FileLock(store.folder / f"run-{os.getpid()}-{uuid4().hex[:8]}.lock")
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except _LOCKS_FAIL as exc:
        store.writable = not isinstance(exc, OSError) or exc.errno not in UNWRITABLE
        return None
    return lock


def refused(store: FeatureStore, exc: OSError, more: int = 0) -> LangSegError:
    """What to say of a disk that refused a write while ``more`` bytes were still to be kept."""
    full = exc.errno in _FULL
    why = "is full" if full else f"refused a write ({exc.strerror or exc})"
    rest = f" and {gib(more)} of features are still to be kept" if more else ""
    return LangSegError(
        f"{store.where.path}: the disk {why}{rest}; what was computed so far is kept; "
        f"{'free some space' if full else 'repair it'}, or give a folder on another disk with "
        "--features, then run the same command again"
    )


def gib(size: int) -> str:
    """``1.2 GiB``, and MiB, KiB or bytes where it is less than one."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _bound_for(size: int) -> str:
    """The GiB, in two digits, that hold so many bytes."""
    exponent = floor(log10(size / 2**30)) - 1
    return format(ceil(size / 2**30 / 10.0**exponent) * Decimal(10) ** exponent, "f")


def _drop(root: Path, own: Collection[Path], most: int, mine: BaseFileLock | None) -> int:
    """Bring the folder to ``most`` bytes; returns by how much it is still above."""
    skipped = None if mine is None else Path(mine.lock_file)
    files = []
    for path in root.glob(f"*/*{SUFFIX}"):
        with suppress(FileNotFoundError):
            stat = path.stat()
            files.append((stat.st_mtime_ns, stat.st_size, path))
    over = sum(size for _, size, _ in files) - most
    read: dict[Path, bool] = {}
    for _, size, path in sorted(files):
        if over <= 0:
            break
        if path in own:
            continue
        if path.parent not in read:
            locks = set(path.parent.glob("run-*.lock")) - {skipped}
            read[path.parent] = any(map(_is_held, locks))
        if not read[path.parent]:
            with suppress(OSError):
                path.unlink()
                over -= size
    return over


def _is_held(path: Path) -> bool:
    """Whether its process lives; the file of a dead one is removed."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except _LOCKS_FAIL:
        return True
    path.unlink(missing_ok=True)
    lock.release()
    return False


def _renewed(path: Path) -> int:
    """Bytes of a file that is used now; 0 where there is none."""
    with suppress(OSError):  # another user's may be read only
        os.utime(path)
    with suppress(OSError):
        return path.stat().st_size
    return 0


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, where the file system knows locks."""
    lock = FileLock(path)
    with suppress(*_LOCKS_FAIL):
        lock.acquire(timeout=_PATIENCE_S)
    try:
        yield
    finally:
        lock.release()
