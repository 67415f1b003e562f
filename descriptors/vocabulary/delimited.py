"""Take a table in text apart, whichever mark stands between its columns.

In:  the text of a csv or tsv file, as a program, a spreadsheet or a person wrote it.
Out: its rows of cells, each with its line, and the mark.

A spreadsheet writes ``;`` where a comma is the decimal mark, or tabs, and perhaps a first line
``sep=;``. The mark is the one that parts the first line into most cells; a comma where none does.
"""

import csv
import re
from dataclasses import dataclass
from io import StringIO

_MARKS = ",;\t|"  # the first of two that part the first line equally
_SEP = re.compile(r'"?sep=([,;\t|])"?\n', re.I)


@dataclass(frozen=True)
class Table:
    """``rows`` without blank ones; each is (the line it ends on, its cells)."""

    rows: tuple[tuple[int, list[str]], ...]
    mark: str


def read_table(text: str) -> Table:
    """Raises: ValueError, with the line, for a quote left open and the like."""
    skipped = 0
    sep = _SEP.match(text)
    if sep:
        text, skipped = text[sep.end() :], 1
    first = text.lstrip("\n").split("\n", 1)[0]
    mark = sep[1] if sep else max(_MARKS, key=lambda mark: _columns(first, mark))
    reader = csv.reader(StringIO(text, newline=""), delimiter=mark, strict=True)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num + skipped, cells))
    except csv.Error as exc:
        raise ValueError(f"line {reader.line_num + skipped}: {exc}") from None
    return Table(_without_empty_ends(rows), mark)


def whole_number(cell: object) -> object:
    """The number a cell holds, ``1.0`` too (a spreadsheet's, of a column with a gap); else the
    cell as it is."""
    if isinstance(cell, str) and (found := re.fullmatch(r"\s*(-?[0-9]{1,9})([.,]0+)?\s*", cell)):
        return int(found[1])
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell


def _columns(line: str, mark: str) -> int:
    """How many cells a mark parts a line into; one where it cannot be parted."""
    try:
        return len(next(csv.reader([line], delimiter=mark), []))
    except csv.Error:
        return 1


def _without_empty_ends(rows: list[tuple[int, list[str]]]) -> tuple[tuple[int, list[str]], ...]:
    """Without the columns at the right that are empty in every row."""
    width = max(
        (i for _, cells in rows for i, cell in enumerate(cells, 1) if cell.strip()), default=0
    )
    return tuple((line, cells[:width]) for line, cells in rows)
