"""Read a class list as a person or a dataset has it, before any name in it is checked.

In:  the bytes of a text file, and how its name ends.
Out: rows of raw fields, each with the number a person finds it by, and the form they were in.

LangSeg's own forms:

    txt    one class a line; commas part synonyms; ``#`` starts a comment
    csv    columns id, name, synonyms, definition; only ``name`` is needed; ``;`` parts synonyms
    json,  a list of names or of objects with those four keys, or an object
    yaml   {name, classes: <such a list>, ignore_ids: [...], scenes: {scene: [classes]},
           scene_names: {scene: [other names of it]}, look_alikes: {class: [classes]},
           hypernyms: {broader word: [classes]}}

Those of datasets and tools are in ``forms``, a function each. A class that means "not labelled"
(void, unlabeled) is left out; its id becomes one of the ignored.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from warnings import catch_warnings

import yaml

from langseg.cache.errors import InputError
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.vocabulary.delimited import whole_number
from langseg.descriptors.vocabulary.forms.code import read_python
from langseg.descriptors.vocabulary.forms.documents import read_document
from langseg.descriptors.vocabulary.forms.lines import read_lines
from langseg.descriptors.vocabulary.forms.markup import read_pbtxt, read_xml
from langseg.descriptors.vocabulary.forms.tables import has_class_header, read_class_table
from langseg.descriptors.vocabulary.plausible import refuse_no_list
from langseg.descriptors.vocabulary.raw_list import RawList, RawRow
from langseg.descriptors.vocabulary.text_file import load_json, load_yaml, read_text_file

_VOID = re.compile(
    r"_*(unlabell?ed|void|ignored?|ignore[ _-]label|don'?t[ _-]?care|out[ _-]of[ _-]roi)_*", re.I
)
_FIRST_OF_ALL = re.compile(r"_*(background|bg)_*", re.I)


def parse_class_list(data: bytes, kind: str, where: str) -> RawList:
    """Raw rows of a class list in a file ending in ``kind``; ``where`` names it in errors.

    Raises: InputError, for a file that cannot be read, or that a person would see to be no list
    of classes.
    """
    try:
        file = read_text_file(data)
        if kind not in _READERS:
            ending = f"a file ending in {kind!r}; wanted one ending in txt, csv, json or yaml"
            raise ValueError(_ELSEWHERE.get(kind, ending))
        raw = _READERS[kind](file.text)
        raw = _with_counted_ids(_without_gaps(raw))
        refuse_no_list(raw)
        raw = _told_apart(_without_void(raw))
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        reason = printable(" ".join(str(exc).split()), 500)  # it quotes the file
        raise InputError(f"{where}: wanted a class list, got {reason}") from exc
    if file.encoding not in ("UTF-8", "UTF-16"):
        raw = replace(raw, told=(*raw.told, f"read as {file.encoding}"))
    return raw


def listed_names(names: Sequence[str], where: str) -> RawList:
    """The class list that names written side by side are (``--classes sky,tree``).

    Raises: InputError, where a person would see them to be no list of classes.
    """
    raw = RawList(tuple(RawRow(place, {"name": name}) for place, name in enumerate(names, start=1)))
    try:
        refuse_no_list(raw)
    except ValueError as exc:
        raise InputError(f"{where}: wanted names of classes, got {exc}") from exc
    return _without_void(_with_counted_ids(raw))


# ---- a file by how it ends, and by how it begins where that says more


def _read_txt(text: str) -> RawList:
    start = text.lstrip()
    if start.startswith("#!"):
        raise ValueError("a program; write the names of the classes, one a line")
    if re.match(r"[\[{(]", start) and not re.match(r"[\[(]\d+[\])]\s*\S", start):
        return read_document(_json(text))
    if start.startswith("<"):
        return read_xml(text)
    if re.match(r"item\s*:?\s*\{", start):
        return read_pbtxt(text)
    if re.match(r"\w+\s*(:\s*\w+\s*)?=\s*[\[{(]", start):
        return read_python(text)
    if re.search(r"(?m)^names\s*:(\s*\[|\s*$)", text):
        return read_document(load_yaml(text))
    if re.search(r"(?m)^names\s*=\s*\S+$", text) and re.search(r"(?m)^classes\s*=", text):
        raise ValueError("darknet's .data file, which says where the names are; give that file")
    table = _of_markdown(text)
    first = table.lstrip("\n").split("\n", 1)[0]
    if re.match(r'"?sep=', first, re.I) or has_class_header(first):
        return read_class_table(table)
    return read_lines(text)


def _read_names(text: str) -> RawList:
    """Darknet's and YOLO's: the line is the class's id, counted from 0."""
    raw = _read_txt(text)
    if raw.form or any("id" in row.fields for row in raw.rows):
        return raw
    rows = (RawRow(row.number, {**row.fields, "id": place}) for place, row in enumerate(raw.rows))
    return replace(raw, rows=tuple(rows), form="YOLO names", told=("ids counted from 0",))


def _of_markdown(text: str) -> str:
    """The table of a Markdown page without its frame; other text as it is."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) < 3 or not all(line.startswith("|") for line in lines):
        return text
    rows = [line for line in lines if not re.fullmatch(r"[|:\-\s]+", line)]
    return "\n".join("|".join(c.strip() for c in row.strip("|").split("|")) for row in rows)


def _read_json(text: str) -> RawList:
    return read_document(_json(text))


def _read_yaml(text: str) -> RawList:
    return read_document(load_yaml(text))


def _json(text: str) -> object:
    """JSON, JSON lines, or the literal that Python's ``print`` writes."""
    try:
        return load_json(text)
    except json.JSONDecodeError as exc:
        wrong = exc
    if wrong.msg == "Extra data":
        try:
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        except ValueError:
            pass
    try:
        with catch_warnings(action="ignore"):  # of the text's own style, such as "\\d"
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError):
        raise ValueError(f"JSON that is broken: {wrong}") from None


_READERS: dict[str, Callable[[str], RawList]] = {
    "txt": _read_txt,
    "": _read_txt,
    "lst": _read_txt,
    "list": _read_txt,
    "labels": _read_txt,
    "md": _read_txt,
    "names": _read_names,
    "csv": read_class_table,
    "tsv": read_class_table,
    "tab": read_class_table,
    "json": _read_json,
    "jsonl": _read_json,
    "yaml": _read_yaml,
    "yml": _read_yaml,
    "py": read_python,
    "xml": read_xml,
    "pbtxt": read_pbtxt,
}
_ELSEWHERE = {
    "data": "darknet's .data file, which says where the names are; give that file (obj.names)",
    "html": "a web page; copy its names into a txt file, one a line",
    "htm": "a web page; copy its names into a txt file, one a line",
    "pkl": "a pickle, which is never opened; write the names into a txt file, one a line",
    "pickle": "a pickle, which is never opened; write the names into a txt file, one a line",
}


# ---- ids that a list's order means, and classes that are none


def _without_gaps(raw: RawList) -> RawList:
    """torchvision's COCO list has ``N/A`` where the dataset has no class: the place is the id."""
    names = [row.fields.get("name") for row in raw.rows]
    if names.count("N/A") < 2 or names[0] != "__background__":
        return raw
    rows = [
        RawRow(row.number, {**row.fields, "id": place})
        for place, row in enumerate(raw.rows)
        if row.fields.get("name") != "N/A"
    ]
    return replace(raw, rows=tuple(rows), form="torchvision categories", told=("left out: N/A",))


def _with_counted_ids(raw: RawList) -> RawList:
    """A list that begins with the background, or with what is not labelled, counts from 0; one
    that begins with labelme's ``__ignore__`` from -1."""
    if not raw.rows or any("id" in row.fields for row in raw.rows):
        return raw
    first = raw.rows[0].plain_name
    if not (_FIRST_OF_ALL.fullmatch(first) or _VOID.fullmatch(first)):
        return raw
    start = -1 if first == "__ignore__" else 0
    rows = (
        RawRow(row.number, {**row.fields, "id": place + start}, row.void)
        for place, row in enumerate(raw.rows)
    )
    told = f"ids counted from {start} ({printable(first, 30)})"
    return replace(raw, rows=tuple(rows), told=(*raw.told, told))


def _without_void(raw: RawList) -> RawList:
    left = [row for row in raw.rows if row.void or _VOID.fullmatch(row.plain_name)]
    if not left:
        return raw
    kept = tuple(row for row in raw.rows if row not in left)
    with_ids = any("id" in row.fields for row in raw.rows)
    if not with_ids:  # the place in the list is the id, whichever is left out
        places = {row.number: place for place, row in enumerate(raw.rows, start=1)}
        kept = tuple(RawRow(r.number, {**r.fields, "id": places[r.number]}) for r in kept)
    ids = [whole_number(row.fields.get("id")) for row in kept]
    ignored = [whole_number(row.fields.get("id")) for row in left]
    ignore_ids = raw.ignore_ids
    if ignore_ids is None:
        values = [0, 255, *(n for n in ignored if isinstance(n, int) and n >= 0)]
        ignore_ids = sorted({number for number in values if number not in ids})
    names = ", ".join(
        printable(row.plain_name, 40) + (f" ({row.fields['id']})" if "id" in row.fields else "")
        for row in left[:5]
    )
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    told = (f"left out: {names}{more}", *raw.told)
    return replace(raw, rows=kept, ignore_ids=ignore_ids, told=told)


def _told_apart(raw: RawList) -> RawList:
    """ADE20K has ``screen, crt screen`` beside ``screen, silver screen``: where several rows have
    a name, those with synonyms are called by the first that no other row has."""
    taken = Counter(row.plain_name.casefold() for row in raw.rows)
    rows, told = [], []
    for row in raw.rows:
        synonyms = row.fields.get("synonyms")
        free = [
            other
            for other in (synonyms if isinstance(synonyms, list) else ())
            if isinstance(other, str) and other.strip() and other.strip().casefold() not in taken
        ]
        if taken[row.plain_name.casefold()] < 2 or not free:
            rows.append(row)
            continue
        name = free[0].strip()
        assert isinstance(synonyms, list)
        others = [row.plain_name, *(other for other in synonyms if other != free[0])]
        taken[name.casefold()] += 1
        taken[row.plain_name.casefold()] -= 1
        rows.append(RawRow(row.number, {**row.fields, "name": name, "synonyms": others}, row.void))
        told.append(
            f"{printable(row.plain_name, 30)!r} of row {row.number} is {printable(name, 30)!r} here"
        )
    more = [f"and {len(told) - 3} more such"] if len(told) > 3 else []
    return replace(raw, rows=tuple(rows), told=(*raw.told, *told[:3], *more))
