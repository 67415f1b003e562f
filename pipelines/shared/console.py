"""Speak to the person at the terminal: results on stdout, everything else on stderr.

In:  texts and tables that may hold anything an LLM or a file name can hold.
Out: the same, without control characters and without markup being interpreted.

Rich interprets ``[...]`` in plain strings and lets raw escape sequences of ``Text`` through, so
both are dealt with here, once.
"""

import json
import math
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from langseg.cache.errors import InputError, LangSegError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

RESUME = "what was finished is kept, run the same command again to go on"
_MANY_COLUMNS, _FEW_ROWS = 8, 3  # wider and no longer than that: a table is turned on its side
_ANY_WIDTH = 100_000_000  # characters: what is narrower than its text is cropped


class Advance(Protocol):
    """Tells a progress line how far the work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def plain(text: object) -> str:
    """Text without control, escape or bidirectional formatting characters."""
    kept = (" " if c in "\n\t" else c for c in str(text))
    return "".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def say(message: object) -> None:
    """One line for the person, on stderr."""
    print(plain(message), file=sys.stderr, flush=True)


def emit_json(value: Any) -> None:
    """The one JSON object of ``--json``, on stdout."""
    print(json_text(value))


def json_text(value: Any) -> str:
    """JSON in one line: nan and infinity as null, bytes as hex."""
    text = json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # \udc80 is JSON's own escape, too


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(_jsonable(key)): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return bytes(value).hex() if isinstance(value, (bytes, bytearray, memoryview)) else value


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table on stdout; as wide as it must be when stdout is not a terminal.

    Many columns of few rows are shown one below the other, as no terminal is so wide.
    """
    print("".join(table_pieces(columns, rows, title)), end="")


def table_pieces(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str = "",
    check: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """The text of ``emit_table`` piece by piece; ``check`` is called for every cell."""
    from rich import box
    from rich.console import Console
    from rich.segment import Segments
    from rich.table import Table

    if len(columns) > _MANY_COLUMNS and 1 <= len(rows) <= _FEW_ROWS:
        values = [f"row {n}" for n in range(1, len(rows) + 1)] if len(rows) > 1 else ["value"]
        rows = [(name, *(row[i] for row in rows)) for i, name in enumerate(columns)]
        columns = ["column", *values]
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        table.add_column(plain(column), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(_Cell(value, check) for value in row))
    console = Console(markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())
    options = console.options
    if not console.is_terminal:
        console.width = _ANY_WIDTH
        options = console.options.update(no_wrap=True, overflow="ignore")
    segments = iter(console.render(table, options))
    while piece := list(islice(segments, 1000)):
        with console.capture() as drawn:  # rich would end the process on a closed pipe
            console.print(Segments(piece), end="")
        yield drawn.get()


@dataclass(frozen=True)
class _Cell:
    """A value that becomes text when it is drawn, and not before: a table may have many."""

    value: object
    check: Callable[[], None]

    def __rich_measure__(self, console: "Console", options: "ConsoleOptions") -> "Measurement":
        from rich.measure import Measurement

        return Measurement.get(console, options, self._text())

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        yield self._text()

    def _text(self) -> "Text":
        from rich.text import Text

        self.check()
        return Text(_cell(self.value))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else plain(value)


@contextmanager
def progress(what: str, kept: str = RESUME) -> Iterator[Advance]:
    """A progress bar on stderr, only on a terminal; elsewhere nothing is drawn.

    ``kept`` says, after Ctrl-C, what is left of the work and how to go on.
    """
    far = ""
    with _bar(what) as draw:

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal far
            far = f" at {done} of {total}"
            draw(done, total, note)

        try:
            yield advance
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{what} stopped{far}; {kept}") from None


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int, str], None]]:
    if not sys.stderr.isatty():
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # a note never squeezes the bar out
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=16),
        MofNCompleteColumn(), Remaining(),
        TextColumn("{task.fields[note]}", markup=False, table_column=rest),
    )  # fmt: skip
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(plain(what), total=None, note="")
        yield lambda done, total, note: bar.update(
            task, completed=done, total=total, note=plain(note)
        )


def run(app: Callable[[], object]) -> None:
    """Run a command line; every error ends in one sentence on stderr and its exit code.

    A reader of stdout that goes away (``| head``) is no error; Ctrl-C and SIGTERM end with 130.
    """
    with _sigterm_as_ctrl_c():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()  # at exit it would be too late to see a closed pipe
        except LangSegError as exc:
            say(f"error: {exc}")
            sys.exit(exc.exit_code)
        except (SystemExit, BrokenPipeError, KeyboardInterrupt) as ended:
            _end_quietly(ended)
            raise
        except OSError as exc:
            say(f"error: {_os_error(exc)}")
            sys.exit(InputError.exit_code)


def _os_error(exc: OSError) -> str:
    """``path: what the system says``; the path that was to be, where a rename failed."""
    what = exc.strerror or str(exc) or type(exc).__name__
    path = exc.filename if exc.filename2 is None else exc.filename2
    return what if path is None else f"{path}: {what}"


def _end_quietly(ended: BaseException) -> None:
    """Exit as a closed pipe or an interrupt should; typer has made exits of its own of them."""
    exc: BaseException | None = ended
    while exc is not None:
        if isinstance(exc, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python flushes at exit
            sys.exit(0)
        if isinstance(exc, KeyboardInterrupt):
            say(f"interrupted: {exc}" if exc.args else "interrupted")
            sys.exit(130)
        exc = exc.__context__


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if callable(signal.getsignal(signal.SIGINT)):  # asyncio's, while it runs
            signal.raise_signal(signal.SIGINT)
        else:  # a job in the background ignores Ctrl-C
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
