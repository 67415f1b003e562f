"""Take a file of descriptors apart into rows, whichever way its author laid them out.

In:  a JSON document, JSON lines, a table in text, or Parquet.
Out: its form, and each phrase as a row with the place where it stands; or ValueError, for a file
     that cannot be taken apart as a whole: what the other rows are then cannot be told, either.

    {class: [phrase, ...]}, {class: phrases in one text}, {class: {prompt or slot: [phrase, ...]}},
    {class: {"descriptors": [...], ...}}; rows, [{class, text, ...}, ...]; pandas' records, split,
    index, columns and table; any of these under a key such as "classes", "data", "descriptors"
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from itertools import zip_longest
from typing import Any

from langseg.descriptors.exchange.imported_keys import (
    CLASS_KEYS,
    ID_KEYS,
    TEXT_KEYS,
    Rows,
    is_lacking,
    phrase_rows,
    says_class,
    says_text,
    slot_of,
    split_list,
    stem,
)
from langseg.descriptors.exchange.imported_replies import is_reply, reply_rows
from langseg.descriptors.phrases.characters import printable, shown
from langseg.descriptors.vocabulary.delimited import read_table
from langseg.descriptors.vocabulary.text_file import load_json, load_yaml

LABEL_CHARS = 200  # of a class, a scene, a subclass: as a file names it, so longer than one of ours
_FORMULA = re.compile(r"'*\s*[=+\-@]")
_WRAPPERS = (
    "classes", "data", "rows", "items", "records", "train", "results", "class_descriptions",
    "annotations", "categories", "labels",
)  # fmt: skip
_MAX_ROWS = 2_000_000  # of Parquet, which may be tiny and hold a billion
_UNREAD_COLUMNS = ("", "unnamed: 0", "index", "level_0", "__index_level_0__")


def guarded_cell(text: str) -> str:
    """A CSV cell that no spreadsheet runs as a formula; ``plain_cell`` takes the guard off."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """What ``guarded_cell`` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def read_json(text: str) -> tuple[str, Rows]:
    """A document, or a row a line, whatever the file's name says."""
    lines = [line for line in text.split("\n") if line.strip()]  # not splitlines: U+2028
    if len(lines) > 1 and _is_object(lines[0]):
        return "JSONL rows", _json_lines(text)
    document = _json(text)
    if isinstance(document, dict) and len(lines) == 1 and _is_row(document):
        return "JSONL rows", _json_lines(text)
    return _document(document)


def read_yaml(text: str) -> tuple[str, Rows]:
    """A JSON document that was written in YAML."""
    form, rows = _document(load_yaml(text))
    return form.replace("JSON", "YAML"), rows


def read_csv(text: str) -> tuple[str, Rows]:
    """What it is called, and its rows. Raises: ValueError, for a header without class and text."""
    table = read_table(text)
    (line, header), *body = table.rows or ((1, []),)
    columns = [column.strip() for column in header]
    names = dict.fromkeys(columns)
    twice = [column for column in columns if columns.count(column) > 1 and column]
    if not says_class(names) or not says_text(names) or twice:
        got = f"{twice[0]!r} twice" if twice else printable(", ".join(columns), 80) or "none"
        raise ValueError(
            f"line {line}: wanted the columns class_name (or class_id) and text, got {got}"
        )
    return "CSV", _table_rows(columns, body, table.mark)


def read_parquet(data: bytes) -> tuple[str, Rows]:
    """What it is called, and its rows. Raises: ValueError, for a file that cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(BytesIO(data))
        if file.metadata.num_rows > _MAX_ROWS:
            raise ValueError(f"{file.metadata.num_rows} rows, wanted at most {_MAX_ROWS}")
        table = file.read()
    except (pa.ArrowException, OSError) as exc:
        raise ValueError(f"Parquet that cannot be read: {exc}") from None
    names = dict.fromkeys(table.column_names)
    if not says_class(names) or not says_text(names):
        got = printable(", ".join(table.column_names), 200)
        raise ValueError(f"no columns class_name (or class_id) and text among {got}")
    return "Parquet", _rows_of(_without_index(row) for row in table.to_pylist())


TEXT_READERS: dict[str, Callable[[str], tuple[str, Rows]]] = {
    "json": read_json,
    "jsonl": read_json,
    "ndjson": read_json,
    "csv": read_csv,
    "tsv": read_csv,
    "yaml": read_yaml,
    "yml": read_yaml,
}


def _document(document: Any) -> tuple[str, Rows]:
    if isinstance(document, list):
        return "JSON rows", _rows_of(document)
    if not isinstance(document, dict):
        raise ValueError(f"neither a list nor an object but {shown(document)}")
    if _is_row(document) or is_reply(document):
        return "JSON rows", _rows_of([document])
    if (table := _columns_of(document)) is not None:
        return "JSON columns", _rows_of(table)
    if (inner := _wrapped(document)) is not None:
        return _document(inner)
    values = list(document.values())
    if values and all(isinstance(v, dict) and says_class(v) and says_text(v) for v in values):
        return "JSON rows", _rows_of(values)
    if document and all(re.fullmatch(r"\d{1,9}", key) for key in document):
        if "0" not in document:
            raise ValueError(
                f"the keys {printable(', '.join(list(document)[:4]), 40)} in the place of names, "
                "which do not count from 0; write the classes' names"
            )
        return "JSON, class_id -> phrases", _classes(document, "class_id")
    if any(isinstance(value, dict) and not _is_about_class(value) for value in values):
        return "JSON, class -> prompt -> phrases", _classes(document, "class_name")
    return "JSON, class -> phrases", _classes(document, "class_name")


def _columns_of(document: Mapping[str, Any]) -> list[Any] | None:
    """The rows of a table that was written by columns, or with its columns beside it."""
    columns, data = document.get("columns"), document.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        return [
            dict(zip(map(str, columns), row, strict=False)) if isinstance(row, list) else row
            for row in data
        ]
    if isinstance(document.get("schema"), dict) and isinstance(data, list):
        return data
    names = [key for key in document if stem(key) in CLASS_KEYS + ID_KEYS]
    if not names or not says_text(document):
        return None
    lists = {k: list(v.values()) if isinstance(v, dict) else v for k, v in document.items()}
    first = lists[names[0]]
    if not isinstance(first, list) or any(isinstance(one, (list, dict)) for one in first):
        return None
    table = {k: v for k, v in lists.items() if isinstance(v, list) and len(v) == len(first)}
    if not says_text(table):
        return None
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _wrapped(document: Mapping[str, Any]) -> Any:
    """What a document holds under one key, beside a few that say something about it."""
    held = [
        key
        for key, value in document.items()
        if stem(key) in _WRAPPERS + TEXT_KEYS
        and (isinstance(value, dict) or (isinstance(value, list) and _of_objects(value)))
    ]
    lists = [k for k, v in document.items() if k not in held and isinstance(v, list) and v]
    if len(held) != 1 or any(stem(key) not in CLASS_KEYS for key in lists):
        return None
    inner = document[held[0]]
    if isinstance(inner, list) and all(isinstance(one.get("row"), dict) for one in inner):
        return [one["row"] for one in inner]  # as the hub's viewer gives rows
    return inner


def _of_objects(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) for one in value)


def _is_row(document: Mapping[str, Any]) -> bool:
    key = next((k for k in document if stem(k) in CLASS_KEYS + ID_KEYS), None)
    return key is not None and says_text(document) and isinstance(document[key], (str, int))


def _is_about_class(value: Mapping[str, Any]) -> bool:
    return says_text(value) or "subclasses" in value


def _rows_of(document: Iterable[Any]) -> Rows:
    for number, row in enumerate(document, start=1):
        yield from _row(f"row {number}", row)


def _row(where: str, row: Any) -> Rows:
    if not isinstance(row, dict):
        yield where, ValueError(f"wanted an object with class_name and text, got {shown(row)}")
    elif is_reply(row):
        yield from reply_rows(where, row)
    elif not says_class(row) and row and all(isinstance(v, list) for v in row.values()):
        yield from _classes(row, "class_name")  # a class a line
    else:
        yield from phrase_rows(where, row)


def _classes(document: Mapping[str, Any], key: str) -> Rows:
    for name, value in document.items():
        where = f"class {shown(name)}"
        if not name.strip() or len(name) > LABEL_CHARS:
            wanted = f"wanted a class's name of at most {LABEL_CHARS} characters"
            yield where, ValueError(f"{wanted}, got {len(name.strip())}")
            continue
        own = {key: name}
        if key == "class_name":
            yield where, name
        if isinstance(value, dict) and not _is_about_class(value):
            for prompt, listed in value.items():
                asked = f"{where}, prompt {shown(prompt)}"
                yield from _listed(asked, {**own, **slot_of(prompt)}, listed)
        else:
            yield from _listed(where, own, value)


def _listed(where: str, own: Mapping[str, Any], value: Any) -> Rows:
    """The phrases of a class, or of one prompt about it."""
    value = split_list(value)
    if isinstance(value, dict):
        if not _is_about_class(value):
            yield where, ValueError(f"wanted a list of phrases, got {shown(value)}")
            return
        unnamed = {k: v for k, v in value.items() if stem(k) not in CLASS_KEYS}
        yield from phrase_rows(where, {**own, **unnamed})
    elif isinstance(value, (list, str)):
        for number, one in enumerate([value] if isinstance(value, str) else value, start=1):
            about = f"{where}, phrase {number}"
            if isinstance(one, list):
                yield about, ValueError(f"text: wanted a phrase, got {shown(one)}")
            else:
                row = one if isinstance(one, dict) else {"text": one}
                yield from phrase_rows(about, {**row, **own})
    elif not is_lacking(value):
        yield where, ValueError(f"wanted a list of phrases, got {shown(value)}")


def _json_lines(text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _json(line)
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"line {number}: {exc}") from None
        yield from _row(f"line {number}", row)


def _table_rows(columns: Sequence[str], body: Sequence[tuple[int, list[str]]], mark: str) -> Rows:
    for line, cells in body:
        if len(cells) > len(columns):
            counts = f"{len(cells)} cells for {len(columns)} columns"
            held = {",": "comma", ";": "semicolon", "\t": "tab"}.get(mark, repr(mark))
            yield f"line {line}", ValueError(f"{counts} (a cell that holds a {held} needs quotes)")
            continue
        row = dict(zip_longest(columns, map(plain_cell, cells), fillvalue=""))
        yield from phrase_rows(f"line {line}", _without_index(row))


def _without_index(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the column in which pandas numbers its rows."""
    return {k: v for k, v in row.items() if k.casefold() not in _UNREAD_COLUMNS}


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json(text: str) -> Any:
    try:
        return load_json(text)
    except json.JSONDecodeError as exc:
        if (
            re.match(r",?\s*[\]}]", text[exc.pos :])
            and text[: exc.pos + 1].rstrip(" \n]}")[-1:] == ","
        ):
            at = f"line {exc.lineno} column {exc.colno}"
            raise ValueError(f"{at}: a comma behind the last item; take it away") from None
        if text[exc.pos : exc.pos + 1] == "'":
            raise ValueError(f"{exc}: texts in ', as Python prints them; use json.dump") from None
        raise
