"""The journal of answers: those that were paid for, on disk before anything else happens to them.

In:  finished requests, as they come.
Out: one JSON line each (``line_file``), ``{"request": ..., "response": ..., ...}``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langseg.cache.errors import LangSegError
from langseg.cache.records import Request, Response
from langseg.cache.store.line_file import LineFile, read_lines, salvage_lines
from langseg.cache.store.row_checks import response_key

JOURNALS = "journal"
SUFFIX = ".jsonl"
Answer = tuple[Request, Response]


class Journal:
    """One run's journal, open for appending. Made by ``StoreWriter.start_journal``."""

    def __init__(self, root: Path, name: str) -> None:
        """Raises: FileExistsError, if the store has a journal of that name; OSError."""
        self.name = name
        self._path = journal_path(root, name)
        self._file = LineFile(self._path)
        self.responses: list[str] = []  # keys of what was appended, as ``response_key`` spells them

    def append(self, request: Request, response: Response) -> None:
        """Hold a line for the next flush. Raises: LangSegError, for NaN or a closed journal."""
        try:
            self._file.append({"request": vars(request), "response": vars(response)})
        except ValueError as exc:
            raise LangSegError(
                f"{self._path}: request {request.request_key}: wanted finite numbers, got {exc}"
            ) from exc
        self.responses.append(response_key(response))

    def flush(self) -> None:
        """As ``LineFile.flush``."""
        self._file.flush()

    def close(self) -> None:
        """As ``LineFile.close``."""
        self._file.close()

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
    """The answers of a journal. Raises: as ``read_lines``."""
    return read_lines(path, _answer)


def salvage_journal(path: Path) -> int:
    """As ``salvage_lines``."""
    return salvage_lines(path, _answer)


def _answer(document: Mapping[str, Any]) -> Answer:
    return Request(**document["request"]), Response(**document["response"])
