"""Read a set of descriptors that somebody else wrote, before anything in it is checked.

In:  the bytes of a json, jsonl or csv file, and its name.
Out: its phrases, each with the class it names and the place it stands in; and the classes that
     it lists without a phrase, which published files have.

    json   {class: [phrase, ...]}              classify-by-description, and most CuPL files
           {class: {prompt: [phrase, ...]}}    CuPL, by prompt
           [{class_name, text, ...}, ...]      rows; ``export`` writes the same keys
    jsonl  one such row a line
    csv    such rows under a header

A row names its class by ``class_name``, or by ``class_id``: the place in the vocabulary, counted
from 0; where it has both, the name counts. ``scene``, ``subclass``, ``slot`` and ``source`` may be
there. Where no slot is named it is ``any``: to guess one would add a fact that the file does not
hold. Further keys are not read, and are told.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, sha256_hex
from langseg.cache.records import ANY_SCENE, ANY_SLOT
from langseg.descriptors.plain_text import printable, shown

MODEL_PREFIX = "import:"  # of the model id that an imported set has in a store
MAX_FILE_BYTES = 64 * 2**20  # LaBo's largest has 91,452 phrases in 5 MB
MAX_TEXT_CHARS = 1000  # the longest of CuPL have 300, of MPVR 600
KEYS = ("class_id", "class_name", "scene", "subclass", "slot", "text", "source")
PROVENANCE = ("model", "prompt_id", "request_key", "served_model")  # ``export`` writes them, too
_FORMULA = re.compile(r"'*\s*[=+\-@]")
_NAME_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class ForeignPhrase:
    """One phrase as written. ``class_id`` is None where ``class_name`` names the class."""

    text: str
    class_name: str = ""
    class_id: int | None = None
    scene: str = ANY_SCENE
    subclass: str = ""
    slot: str = ANY_SLOT
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class ForeignSet:
    """A file's phrases in its order. ``empty`` classes are listed without any; ``ignored`` keys
    were not read."""

    file: str
    form: str
    sha256: str
    phrases: tuple[ForeignPhrase, ...]
    empty: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


# (where it stands, its keys, or only a name for a class that the file lists)
Rows = Iterator[tuple[str, Mapping[str, Any] | str]]


def parse_foreign(data: bytes, file: str) -> ForeignSet:
    """Read a file whose name ends in .json, .jsonl or .csv.

    Raises: InputError, naming the file and the first line, row or class that cannot be read.
    """
    name = printable(file, 100)
    kind = file.rpartition(".")[2].lower()
    if kind not in _READERS:
        raise InputError(f"{name}: wanted descriptors in a file ending in {', '.join(_READERS)}")
    try:
        form, rows = _READERS[kind](data.decode("utf-8-sig"))
        return _collected(name, form, sha256_hex(data), rows)
    except (ValueError, csv.Error, RecursionError) as exc:
        reason = printable(" ".join(str(exc).split()))
        raise InputError(f"{name}: wanted {kind} descriptors in UTF-8, got {reason}") from None


def guarded_cell(text: str) -> str:
    """A CSV cell that no spreadsheet runs as a formula; ``plain_cell`` takes the guard off."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """What ``guarded_cell`` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _collected(file: str, form: str, sha256: str, rows: Rows) -> ForeignSet:
    phrases: list[ForeignPhrase] = []
    empty: dict[str, None] = {}
    ignored: dict[str, None] = {}
    for where, row in rows:
        try:
            if isinstance(row, str):
                empty[_name({"class_name": row}, "class_name")] = None
                continue
            phrases.append(_phrase(row))
        except ValueError as exc:
            raise ValueError(f"{where}: {exc}") from None
        ignored |= dict.fromkeys(key for key in row if key not in KEYS + PROVENANCE)
    described = {phrase.class_name for phrase in phrases}
    return ForeignSet(
        file=file,
        form=form,
        sha256=sha256,
        phrases=tuple(phrases),
        empty=tuple(name for name in empty if name not in described),
        ignored=tuple(printable(key, 60) for key in ignored),
    )


def _phrase(row: Mapping[str, Any]) -> ForeignPhrase:
    """Raises: ValueError, for a row without a class or a text, and for what is no text."""
    text = row.get("text")
    if not isinstance(text, str):
        raise ValueError(f"text: wanted a phrase, got {shown(text)}")
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"text: wanted at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    class_name, class_id = _name(row, "class_name"), _class_id(row.get("class_id"))
    if not class_name and class_id is None:
        raise ValueError("wanted a class_name or a class_id, got neither")
    return ForeignPhrase(
        text=text,
        class_name=class_name,
        class_id=None if class_name else class_id,
        scene=_name(row, "scene") or ANY_SCENE,
        subclass=_name(row, "subclass"),
        slot=_name(row, "slot").casefold() or ANY_SLOT,
        source=_name(row, "source"),
    )


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _NAME_CHARS:
        raise ValueError(
            f"{key}: wanted text of at most {_NAME_CHARS} characters, got {shown(value)}"
        )
    return normalise_text(value)


def _class_id(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
        raise ValueError(f"class_id: wanted a whole number from 0, got {shown(value)}")
    return value


def _read_json(text: str) -> tuple[str, Rows]:
    document = _json(text)
    if isinstance(document, list):
        return "JSON rows", _listed_rows(document)
    if not isinstance(document, dict):
        raise ValueError(f"neither a list nor an object but {shown(document)}")
    if any(isinstance(said, dict) for said in document.values()):
        return "JSON, class -> prompt -> phrases", _classes(document)
    return "JSON, class -> phrases", _classes(document)


def _listed_rows(document: list[Any]) -> Rows:
    for number, row in enumerate(document, start=1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number}: wanted an object, got {shown(row)}")
        yield f"row {number}", row


def _classes(document: Mapping[str, Any]) -> Rows:
    for name, said in document.items():
        where = f"class {shown(name)}"
        if not name.strip():
            raise ValueError(f"{where}: wanted a class's name")
        lists = said if isinstance(said, dict) else {"": said}
        yield where, name
        for prompt, listed in lists.items():
            asked = f", prompt {shown(prompt)}" if prompt else ""
            if listed is not None and not isinstance(listed, list):
                raise ValueError(f"{where}{asked}: wanted a list of phrases, got {shown(listed)}")
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
        if not isinstance(row, dict):
            raise ValueError(f"line {number}: wanted an object, got {shown(row)}")
        yield f"line {number}", row


def _read_csv(text: str) -> tuple[str, Rows]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header = [column.strip().casefold() for column in next(reader, [])]
    twice = [column for column in header if header.count(column) > 1]
    if "text" not in header or not {"class_name", "class_id"} & set(header) or twice:
        got = f"{twice[0]!r} twice" if twice else ", ".join(header) or "none"
        raise ValueError(f"line 1: wanted the columns class_name (or class_id) and text, got {got}")
    return "CSV", _csv_rows(reader, header)


def _csv_rows(reader: Any, header: list[str]) -> Rows:
    line = 1
    try:
        for cells in reader:
            line = reader.line_num
            if any(cell.strip() for cell in cells):
                if len(cells) > len(header):
                    raise ValueError(
                        f"line {line}: {len(cells)} cells for {len(header)} columns (a cell that "
                        "holds a comma needs quotes)"
                    )
                yield f"line {line}", dict(zip(header, map(plain_cell, cells), strict=False))
    except csv.Error as exc:
        raise ValueError(f"line {reader.line_num}: {exc}") from None


_READERS: dict[str, Callable[[str], tuple[str, Rows]]] = {
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
