"""Hold a statement of a person to so many rows, so much time and so much memory.

In:  what the person allows.
Out: an InputError whose remedy is to allow more, for what would take more.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from langseg.cache.errors import InputError, Remedy

CUT = "... truncated"
_IN_USE = Path("/proc/self/statm")
_DATA_PAGES = 5  # of the numbers in there


@dataclass(frozen=True)
class QueryLimits:
    """What one statement may take, and how much of its answer is kept."""

    max_rows: int = 1000
    time_s: float = 30.0
    memory_mb: int = 2048
    cell_chars: int = 1_000_000

    @property
    def answer_bytes(self) -> int:
        """An answer is held as rows, as text and as bytes: an eighth leaves room for all."""
        return self.memory_mb * 2**20 // 8


class Deadline:
    """A time by which a statement is answered, and its answer written out."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises: InputError, when the time is over."""
        if time.monotonic() >= self._end:
            raise InputError(f"sql: stopped after {self._seconds:g} s", Remedy.MORE_TIME)


@contextmanager
def bounded_memory(megabytes: int) -> Iterator[None]:
    """Let this process take so much more memory at most; only Linux can be asked to.

    DuckDB's own limit counts neither the strings of a statement nor what Python makes of them.
    """
    try:
        with _data_limit(megabytes):
            yield
    except MemoryError as exc:
        raise out_of_memory(megabytes) from exc


def out_of_memory(megabytes: int) -> InputError:
    """What to say of a statement that wants more, whoever noticed it."""
    return InputError(
        f"sql: Out of Memory: wanted at most {megabytes} MB, got a statement or an answer "
        "that needs more",
        Remedy.MORE_MEMORY,
    )


@contextmanager
def _data_limit(megabytes: int) -> Iterator[None]:
    if not _IN_USE.exists():
        yield
        return
    import resource

    soft, hard = before = resource.getrlimit(resource.RLIMIT_DATA)
    in_use = int(_IN_USE.read_text().split()[_DATA_PAGES]) * resource.getpagesize()
    wanted = in_use + megabytes * 2**20
    allowed = [limit for limit in (wanted, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(allowed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
