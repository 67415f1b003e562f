"""A file of sealed lines that grows: what was paid for, on disk before anything else happens to it.

In:  lines of JSON, as they come.
Out: the same lines, on disk when ``flush`` returns; what each says, read back by the next writer.

A line has one spelling only, so that a changed bit anywhere in it shows. What a crash leaves is a
torn last line: a prefix of lines nobody was told are safe. It is dropped. A damaged line anywhere
before it was on disk and acknowledged, so it is never dropped in silence: reading stops with its
number, and ``salvage_lines`` goes on without it but keeps the damaged file.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.files import damaged_name, make_folder, sync_folder, write_atomic
from langseg.cache.sealed import check_format, parse_line, render_line

JOURNAL_FORMAT = 1
_SEAL_DIGITS = 16  # of the sha256; it tells a damaged line from a whole one, and no more
Row = TypeVar("Row")
Read = Callable[
    [Mapping[str, Any]], Row
]  # what a line's document says; LookupError, TypeError, ...


class LineFile:
    """One file, open for appending.

    Raises: FileExistsError, if it is there; OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._size = 0  # bytes that are safe
        make_folder(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._handle: int | None = os.open(path, flags, 0o666)
        sync_folder(path.parent)

    def append(self, document: Mapping[str, Any]) -> None:
        """Hold a line for the next flush. Raises: ValueError, for NaN; LangSegError, if closed."""
        if self._handle is None:
            raise LangSegError(f"{self._path}: wanted an open journal, it is closed")
        self._lines.append(_render(document))

    def flush(self) -> None:
        """When this returns, every appended line survives a power cut.

        Raises: LangSegError, for a full or failing disk. The file is closed then, because an
        fsync that failed once must not be tried again; lines flushed before are safe.
        """
        if self._handle is None or not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        try:
            # the file's own size, since Ctrl-C may have cut an earlier flush short
            written = os.fstat(self._handle).st_size - self._size
            while written < len(data):
                written += os.write(self._handle, data[written:])
            os.fsync(self._handle)
        except OSError as exc:
            lost = len(self._lines)
            self._release()
            raise LangSegError(
                f"{self._path}: the disk refused {lost} answers ({exc.strerror}); those before "
                "are safe, free some space and run the same command again"
            ) from exc
        self._size += len(data)  # before the lines go: cut here, they are written twice, not torn
        self._lines.clear()

    def close(self) -> None:
        """Flush and close; a closed file may be closed again."""
        try:
            self.flush()
        finally:
            self._release()

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None
        self._lines.clear()


def read_lines(path: Path, read: "Read[Row]") -> list[Row]:
    """What each line says, without a torn last line.

    Raises: CorruptError, naming the file and its damaged lines, or another format.
    """
    found, damaged = _scan(path, read)
    if damaged:
        good = sum(each is not None for each in found)
        raise CorruptError(
            f"{path}: wanted answers as they were written, got damage in line"
            f"{'s' if len(damaged) > 1 else ''} {', '.join(map(str, damaged))} "
            f"({good} other answers are good)",
            Remedy.REPAIR,
        )
    return [each[1] for each in found if each is not None]


def salvage_lines(path: Path, read: "Read[Row]") -> int:
    """Set a damaged file aside as ``<file>.<hash>.damaged`` and put its good lines in its place.

    Repeating it after a crash in between is harmless. Returns: how many lines were left out.
    """
    found, damaged = _scan(path, read)
    if damaged:
        aside = damaged_name(path)
        if not aside.exists():
            os.link(path, aside)
        write_atomic(path, b"".join(_render(each[0]) for each in found if each is not None))
    return len(damaged)


def _scan(
    path: Path, read: "Read[Row]"
) -> tuple[list[tuple[Mapping[str, Any], Row] | None], list[int]]:
    """Documents and what they say (None where damaged), and the numbers, from 1, of damaged lines.

    Raises: CorruptError, for a file that cannot be read; FormatError, for one of another format.
    """
    try:
        *lines, tail = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise CorruptError(f"{path}: wanted a journal, got {exc}", Remedy.VERIFY) from exc
    found = [_parse(path, line, read) for line in lines]
    damaged = [number for number, each in enumerate(found, 1) if each is None]
    # the tail may be whole but for its line feed
    return [*found, _parse(path, tail, read)], damaged


def _render(document: Mapping[str, Any]) -> bytes:
    """Raises: ValueError, for NaN and infinity, which JSON and the store's tables lack."""
    return render_line({**document, "v": JOURNAL_FORMAT}, digits=_SEAL_DIGITS)


def _parse(path: Path, line: bytes, read: "Read[Row]") -> tuple[Mapping[str, Any], Row] | None:
    """None for a damaged line. Raises: FormatError, for a whole one of another format."""
    try:
        document = parse_line(line + b"\n", digits=_SEAL_DIGITS)
    except ValueError:
        return None
    check_format(path, "journal format", JOURNAL_FORMAT, document.get("v"))
    try:
        return document, read(document)
    except (LookupError, TypeError, ValueError):
        return None
