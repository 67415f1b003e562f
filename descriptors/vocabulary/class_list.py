"""Read a class list as a person writes it, before anything in it is checked.

In:  the bytes of a txt, csv, json or yaml file.
Out: rows of raw fields, each with the number a person finds it by.

    txt    one class a line; commas part synonyms; ``#`` starts a comment
    csv    columns id, name, synonyms, definition and no others; only ``name`` is needed; ``;``
           parts synonyms
    json,  a list of names or of objects with those four keys, or an object
    yaml   {name, classes: <such a list>, ignore_ids: [...], scenes: {scene: [classes]},
           scene_names: {scene: [other names of it]}, look_alikes: {class: [classes]}}
"""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

import yaml

from langseg.cache.errors import InputError
from langseg.descriptors.phrases.characters import printable

FIELDS = ("id", "name", "synonyms", "definition")
_KEYS = ("name", "classes", "ignore_ids", "scenes", "scene_names", "look_alikes")
# CSafeLoader is libyaml's, ten times as fast; wheels of every common platform bring it
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RawRow:
    """One class as written. ``number`` is the line in a txt or csv, else the place in the list."""

    number: int
    fields: Mapping[str, object]


@dataclass(frozen=True)
class RawList:
    """A class list as written; ``None`` and ``{}`` where the file does not say."""

    rows: tuple[RawRow, ...]
    name: object = None
    ignore_ids: object = None
    scenes: object = None
    scene_names: object = None
    look_alikes: object = None


def parse_class_list(data: bytes, kind: str, where: str) -> RawList:
    """Raw rows of a class list of ``kind`` txt, csv, json or yaml; ``where`` names it in errors.

    Raises: InputError, for a file that cannot be read as its kind.
    """
    if kind not in _PARSERS:
        raise InputError(f"{where}: wanted a class list ending in {', '.join(_PARSERS)}")
    try:
        return _PARSERS[kind](data.decode("utf-8-sig"))
    except (ValueError, csv.Error, yaml.YAMLError, RecursionError) as exc:
        reason = printable(" ".join(str(exc).split()))  # it quotes the file
        raise InputError(f"{where}: wanted a {kind} class list in UTF-8, got {reason}") from exc


def load_yaml(text: str) -> object:
    """Plain values of one YAML document. Raises: yaml.YAMLError, RecursionError."""
    return yaml.load(text, Loader=_YAML_LOADER)  # noqa: S506 (both loaders are the safe ones)


def _parse_txt(text: str) -> RawList:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would split at \x1c
        row = re.sub(r"(^|\s)#.*", "", line.removesuffix("\r"))
        if row.strip():
            name, *synonyms = row.split(",")
            rows.append(RawRow(number, {"name": name, "synonyms": synonyms}))
    return RawList(tuple(rows))


def _parse_csv(text: str) -> RawList:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header = [column.strip().casefold() for column in next(reader, [])]
    _check_header(header)
    rows = []
    for cells in reader:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(
                f"row {reader.line_num}: {len(cells)} cells for {len(header)} columns "
                "(a cell that holds a comma needs quotes)"
            )
        if any(cell.strip() for cell in cells):
            found = dict(zip(header, cells, strict=False))
            fields: dict[str, object] = {"name": found.get("name", "")}
            fields["definition"] = found.get("definition", "")
            fields["synonyms"] = [s for s in found.get("synonyms", "").split(";") if s.strip()]
            if found.get("id", "").strip():
                fields["id"] = _whole_number(found["id"])
            rows.append(RawRow(reader.line_num, fields))
    return RawList(tuple(rows))


def _check_header(header: Sequence[str]) -> None:
    """Nothing is left unread: a misspelt column would lose its cells in silence."""
    for column in header:
        if column not in FIELDS:
            known = ", ".join(FIELDS)
            raise ValueError(f"row 1: unknown column {column[:60]!r} (known: {known})")
        if header.count(column) > 1:
            raise ValueError(f"row 1: column {column!r} is there twice")
    if "name" not in header:
        raise ValueError(f"row 1: no column 'name' among {header}")


def _parse_json(text: str) -> RawList:
    return _from_document(json.loads(text))


def _parse_yaml(text: str) -> RawList:
    return _from_document(load_yaml(text))


_PARSERS: dict[str, Callable[[str], RawList]] = {
    "txt": _parse_txt,
    "csv": _parse_csv,
    "json": _parse_json,
    "yaml": _parse_yaml,
    "yml": _parse_yaml,
}


def _from_document(document: object) -> RawList:
    if isinstance(document, list):
        document = {"classes": document}
    if not isinstance(document, dict) or not isinstance(document.get("classes"), list):
        raise ValueError("neither a list nor an object with a list 'classes'")
    unknown = [str(key) for key in document if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown keys {', '.join(unknown)} (known: {', '.join(_KEYS)})")
    rows = [
        RawRow(number, item if isinstance(item, dict) else {"name": item})
        for number, item in enumerate(document["classes"], start=1)
    ]
    others = {key: document.get(key) for key in _KEYS if key != "classes"}
    return RawList(rows=tuple(rows), **others)


def _whole_number(cell: str) -> object:
    return int(cell) if re.fullmatch(r"\s*-?[0-9]{1,9}\s*", cell) else cell
