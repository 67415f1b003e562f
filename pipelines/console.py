"""Speak to the person at the terminal: results on stdout, everything else on stderr.

In:  texts and tables that may hold anything an LLM or a file name can hold.
Out: the same, without control characters and without markup being interpreted.

Rich interprets ``[...]`` in plain strings and lets raw escape sequences of ``Text`` through, so
both are dealt with here, once.
"""

import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from langseg.cache.errors import LangSegError


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
    print(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str))


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table on stdout; as wide as it must be when stdout is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())
    if not console.is_terminal:
        console.width = 10_000
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        table.add_column(plain(column), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(cell)) for cell in row))
    console.print(table)


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A progress bar on stderr, only on a terminal; elsewhere nothing is drawn."""
    if not sys.stderr.isatty():
        yield lambda done, total, note="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining(),
        TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        task = bar.add_task(plain(what), total=None, note="")
        yield lambda done, total, note="": bar.update(
            task, completed=done, total=total, note=plain(note)
        )


def run(app: Any) -> None:
    """Run a command line; every error ends in one sentence on stderr and its exit code."""
    try:
        app()
    except LangSegError as exc:
        say(f"error: {exc}")
        sys.exit(exc.exit_code)
    except BrokenPipeError:  # the reader of stdout went away, as `| head` does
        sys.stderr.close()
        sys.exit(0)
