"""Write what a command found as a table.

In:  columns and rows that may hold anything an LLM or a file name can hold.
Out: the table, on stdout or as pieces of text, without control characters.

Rich interprets ``[...]`` in plain strings and lets raw escape sequences of ``Text`` through, so
both are dealt with here, once.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from langseg.pipelines.shared.console import plain, speaks

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

_MANY_COLUMNS, _FEW_ROWS = 8, 3  # wider and no longer than that: a table is turned on its side
_ANY_WIDTH = 100_000_000  # characters: what is narrower than its text is cropped


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table on stdout; as wide as it must be when stdout is not a terminal.

    Many columns of few rows are shown one below the other, as no terminal is so wide.
    """
    if speaks():
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
