"""Take a file of descriptors apart into its rows, before anything in a row is looked at.

In:  the text of a json, jsonl or csv file.
Out: its form, and each row with the place where it stands; or ValueError, for a file that is not
     of its kind as a whole: what the other rows are then cannot be told, either.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

from langseg.descriptors.phrases.characters import printable, shown

LABEL_CHARS = 200  # of a class, a scene, a subclass: as a file names it, so longer than one of ours
_FORMULA = re.compile(r"'*\s*[=+\-@]")
_OTHER_MARKS = frozenset(";\t|\0")  # between columns; NUL: UTF-16 without its mark
SAVE_AS = {
    "json": "save it as UTF-8",
    "jsonl": "save it as UTF-8",
    "csv": "save it as comma-separated UTF-8",
}

# (where it stands, its keys; or only a name, for a class that the file lists; or why it is no row)
Rows = Iterator[tuple[str, Mapping[str, Any] | str | ValueError]]


def guarded_cell(text: str) -> str:
    """A CSV cell that no spreadsheet runs as a formula; ``plain_cell`` takes the guard off."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """What ``guarded_cell`` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _read_json(text: str) -> tuple[str, Rows]:
    document = _json(text)
    if isinstance(document, list):
        return "JSON rows", _listed_rows(document)
    if not isinstance(document, dict):
        raise ValueError(f"neither a list nor an object but {shown(document)}")
    if any(isinstance(value, dict) for value in document.values()):
        return "JSON, class -> prompt -> phrases", _classes(document)
    return "JSON, class -> phrases", _classes(document)


def _listed_rows(document: list[Any]) -> Rows:
    for number, row in enumerate(document, start=1):
        yield f"row {number}", _object(row)


def _classes(document: Mapping[str, Any]) -> Rows:
    for name, value in document.items():
        where = f"class {shown(name)}"
        if not name.strip() or len(name) > LABEL_CHARS:
            wanted = f"wanted a class's name of at most {LABEL_CHARS} characters"
            yield where, ValueError(f"{wanted}, got {len(name.strip())}")
            continue
        lists = value if isinstance(value, dict) else {"": value}
        yield where, name
        for prompt, listed in lists.items():
            asked = f", prompt {shown(prompt)}" if prompt else ""
            if listed is not None and not isinstance(listed, list):
                got = ValueError(f"wanted a list of phrases, got {shown(listed)}")
                yield f"{where}{asked}", got
                continue
            for number, item in enumerate(listed or (), start=1):
                row = item if isinstance(item, dict) else {"text": item}
                yield f"{where}{asked}, phrase {number}", {**row, "class_name": name}


def _read_jsonl(text: str) -> tuple[str, Rows]:
    return "JSONL rows", _json_lines(text)


def _json_lines(text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would split at U+2028
        if not line.strip():
            continue
        try:
            row = _json(line)
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"line {number}: {exc}") from None
        yield f"line {number}", _object(row)


def _object(row: Any) -> Mapping[str, Any] | ValueError:
    if isinstance(row, dict):
        return row
    return ValueError(f"wanted an object, got {shown(row)}")


def _read_csv(text: str) -> tuple[str, Rows]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip().casefold() for column in next(reader, [])]
    except csv.Error as exc:
        raise ValueError(f"line 1: {exc}; {SAVE_AS['csv']}") from None
    twice = [column for column in header if header.count(column) > 1]
    if "text" not in header or not {"class_name", "class_id"} & set(header) or twice:
        got = f"{twice[0]!r} twice" if twice else printable(", ".join(header), 80) or "none"
        problem = f"line 1: wanted the columns class_name (or class_id) and text, got {got}"
        others = _OTHER_MARKS & set("".join(header))
        raise ValueError(f"{problem}; {SAVE_AS['csv']}" if others else problem)
    return "CSV", _csv_rows(reader, header)


def _csv_rows(reader: Any, header: list[str]) -> Rows:
    line = 1
    try:
        for cells in reader:
            line = reader.line_num
            if any(cell.strip() for cell in cells):
                if len(cells) > len(header):
                    counts = f"{len(cells)} cells for {len(header)} columns"
                    bad = ValueError(f"{counts} (a cell that holds a comma needs quotes)")
                    yield f"line {line}", bad
                    continue
                yield f"line {line}", dict(zip(header, map(plain_cell, cells), strict=False))
    except csv.Error as exc:
        raise ValueError(f"line {reader.line_num}: {exc}") from None


READERS: dict[str, Callable[[str], tuple[str, Rows]]] = {
    "json": _read_json,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
}


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} twice")
        found[key] = value
    return found


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant}, which is no number")
