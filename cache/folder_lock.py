"""One writer for a folder, and a word about who it is.

In:  the folder.
Out: an advisory lock that the kernel gives back when its process dies, however it dies.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langseg.cache.errors import LangSegError, LockedError

LOCK = "LOCK"
HOLDER = "LOCK.holder"  # beside it, because some releases of filelock empty the lock's own file
ORPHANS_S = 20.0  # children of a killed process may hold it for the seconds in which they notice


@contextmanager
def folder_lock(root: Path, what: str, advice: str) -> Iterator[None]:
    """Hold the folder for writing; another writer is not waited for.

    Args:
        what: the folder is ("this store"); advice: what to do while another holds it.

    Raises: LockedError, naming the process that holds it; LangSegError, for a folder that
    cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK, thread_local=False)  # it may be given back by another thread
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            lock.acquire(timeout=ORPHANS_S if _is_gone(_holder(root)) else 0)
    except Timeout as exc:
        raise LockedError(
            f"{root}: wanted to write, but {_holder(root)} is writing to {what}; {advice}"
        ) from exc
    except (OSError, NotImplementedError) as exc:
        raise LangSegError(f"{root}: wanted to lock {what} for writing, got {exc}") from exc
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


def _is_gone(holder: str) -> bool:
    """Whether it was a process of this machine that runs no more."""
    match holder.split():
        case ["process", number, "on", host] if number.isdecimal() and host == socket.gethostname():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                return True
            except OSError:  # another user's
                return False
    return False
