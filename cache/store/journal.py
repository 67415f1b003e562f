"""The journal: paid answers on disk before anything else happens to them.

In:  finished requests, as they come.
Out: one JSON line each, on disk when ``flush`` returns; read back by the next writer.

A line is ``{"request": ..., "response": ..., "sha256": ..., "v": 1}`` and has one spelling only,
so that a changed bit anywhere in it shows. What a crash leaves is a torn last line: a prefix of
lines nobody was told are safe. It is dropped. A damaged line anywhere before it was on disk and
acknowledged, so it is never dropped in silence: reading stops with its number, and
``salvage_journal`` goes on without it but keeps the damaged file.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.files import damaged_name, make_folder, sync_folder, write_atomic
from langseg.cache.records import Request, Response
from langseg.cache.sealed import check_format, parse_line, render_line
from langseg.cache.store.row_checks import response_key

JOURNALS = "journal"
SUFFIX = ".jsonl"
JOURNAL_FORMAT = 1
_SEAL_DIGITS = 16  # of the sha256; it tells a damaged line from a whole one, and no more
Answer = tuple[Request, Response]


class Journal:
    """One run's journal, open for appending. Made by ``StoreWriter.start_journal``."""

    def __init__(self, root: Path, name: str) -> None:
        """Raises: FileExistsError, if the store has a journal of that name; OSError."""
        self.name = name
        self._path = journal_path(root, name)
        self._lines: list[bytes] = []
        self._size = 0  # bytes that are safe
        self.responses: list[str] = []  # keys of what was appended, as ``response_key`` spells them
        make_folder(self._path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._handle: int | None = os.open(self._path, flags, 0o666)
        sync_folder(self._path.parent)

    def append(self, request: Request, response: Response) -> None:
        """Hold a line for the next flush. Raises: LangSegError, for NaN or a closed journal."""
        if self._handle is None:
            raise LangSegError(f"{self._path}: wanted an open journal, it is closed")
        try:
            self._lines.append(_render(request, response))
            self.responses.append(response_key(response))
        except ValueError as exc:
            raise LangSegError(
                f"{self._path}: request {request.request_key}: wanted finite numbers, got {exc}"
            ) from exc

    def flush(self) -> None:
        """When this returns, every appended line survives a power cut.

        Raises: LangSegError, for a full or failing disk. The journal is closed then, because an
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
        """Flush and close; a closed journal may be closed again."""
        try:
            self.flush()
        finally:
            self._release()

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None
        self._lines.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def journal_path(root: Path, name: str) -> Path:
    """Where a store keeps the journal of that name."""
    return root / JOURNALS / f"{name}{SUFFIX}"


def journal_names(root: Path) -> list[str]:
    """Every journal that is there, in the order of the names."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (root / JOURNALS).glob(f"*{SUFFIX}"))


def read_journal(path: Path) -> list[Answer]:
    """The rows of a journal, without a torn last line.

    Raises: CorruptError, naming the file and its damaged lines, or another format.
    """
    rows, damaged = _scan(path)
    if damaged:
        good = sum(row is not None for row in rows)
        raise CorruptError(
            f"{path}: wanted answers as they were written, got damage in line"
            f"{'s' if len(damaged) > 1 else ''} {', '.join(map(str, damaged))} "
            f"({good} other answers are good)",
            Remedy.REPAIR,
        )
    return [row for row in rows if row is not None]


def salvage_journal(path: Path) -> int:
    """Set a damaged journal aside as ``<file>.<hash>.damaged`` and put its good lines in its place.

    Repeating it after a crash in between is harmless. Returns: how many lines were left out.
    """
    rows, damaged = _scan(path)
    if damaged:
        aside = damaged_name(path)
        if not aside.exists():
            os.link(path, aside)
        write_atomic(path, b"".join(_render(*row) for row in rows if row is not None))
    return len(damaged)


def _scan(path: Path) -> tuple[Sequence[Answer | None], list[int]]:
    """Rows (None where damaged) and the numbers, from 1, of the damaged lines.

    Raises: CorruptError, for a journal that cannot be read; FormatError, for one of another format.
    """
    try:
        *lines, tail = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise CorruptError(f"{path}: wanted a journal, got {exc}", Remedy.VERIFY) from exc
    rows = [_parse(path, line) for line in lines]
    damaged = [number for number, row in enumerate(rows, 1) if row is None]
    return [*rows, _parse(path, tail)], damaged  # the tail may be whole but for its line feed


def _render(request: Request, response: Response) -> bytes:
    """Raises: ValueError, for NaN and infinity, which JSON and the store's tables lack."""
    document = {"request": vars(request), "response": vars(response), "v": JOURNAL_FORMAT}
    return render_line(document, digits=_SEAL_DIGITS)


def _parse(path: Path, line: bytes) -> Answer | None:
    """None for a damaged line. Raises: FormatError, for a whole one of another format."""
    try:
        document = parse_line(line + b"\n", digits=_SEAL_DIGITS)
    except ValueError:
        return None
    check_format(path, "journal format", JOURNAL_FORMAT, document.get("v"))
    try:
        return Request(**document["request"]), Response(**document["response"])
    except (LookupError, TypeError):
        return None
