"""One writer for each store, and a word about who it is.

In:  the store's folder.
Out: an advisory lock that the kernel gives back when its process dies, however it dies.
"""

import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langseg.cache.errors import LangSegError, LockedError

LOCK = "LOCK"
HOLDER = "LOCK.holder"  # beside it, because some releases of filelock empty the lock's own file


@contextmanager
def store_lock(root: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the store for writing; another writer is waited for ``wait_s`` seconds, or ``inf``.

    Raises: LockedError, naming the process that holds it; LangSegError, for a folder that
    cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK, thread_local=False)  # it may be given back by another thread
    try:
        lock.acquire(timeout=-1 if wait_s == math.inf else wait_s)
    except Timeout as exc:
        raise LockedError(
            f"{root}: wanted to write, but {_holder(root)} is writing to this store; "
            "wait until it is done, or stop it: what it has paid for is kept"
        ) from exc
    except OSError as exc:
        raise LangSegError(f"{root}: wanted to lock the store for writing, got {exc}") from exc
    try:
        with suppress(OSError):  # on a full disk the lock holds all the same
            (root / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield
    finally:
        lock.release()


def _holder(root: Path) -> str:
    try:
        return (root / HOLDER).read_text().strip() or "another process"
    except OSError:
        return "another process"
