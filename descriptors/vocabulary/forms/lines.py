"""Class lists in lines: one class a line, alone or with the id, the colour or the key of a dataset.

In:  the text of a txt, names or labels file.
Out: its classes; or why its lines are no list of classes.

A form is taken only where every line has it; ``_FORMS`` asks the surest first. Where most lines
have a number in front and one has none, that one is told: it would become a class with its number.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langseg.descriptors.phrases.characters import shown
from langseg.descriptors.vocabulary.plausible import FILE_NAME, MISSING
from langseg.descriptors.vocabulary.raw_list import RawList, RawRow, name_fields

_MAX_SYNONYMS = 15  # ADE20K's longest has 13; a whole list on one line has more
_HEADERS = re.compile(
    r"(class|label|category|object)?[ _-]?(names?|classes|class|labels?|labelmap|categor(y|ies)):?",
    re.I,
)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_COLOUR = rf"[\[(]?{_BYTE}(?:\s*[,\s]\s*){_BYTE}(?:\s*[,\s]\s*){_BYTE}[\])]?"
_HEX = r"#[0-9a-fA-F]{6}"
_MARKS = re.compile(r",(?![^(]{0,64}\))|[;|\t]|\s\.(?=\s)")  # no name in brackets is longer
_NAME = r"(?P<name>\S.*?)"
_QUOTED = re.compile(r"(?P<quote>[\"'])(?P<name>[^\"']+)(?P=quote)\s*,?")  # a line of a program


@dataclass(frozen=True)
class Line:
    """One line that is not blank, without its comment."""

    number: int
    text: str


def read_lines(text: str) -> RawList:
    """Raises: ValueError, naming the line."""
    written = [
        Line(number, line.strip(" "))
        for number, line in enumerate(text.split("\n"), start=1)  # splitlines would split at \x1c
        if line.strip()
    ]
    if written and all(re.match(rf"{_HEX}\b", line.text) for line in written):
        lines = written  # colours, no comments
    else:
        lines = [Line(line.number, _without_comment(line.text)) for line in written]
        lines = [line for line in lines if line.text]
    if not lines:
        return RawList(())
    if any(FILE_NAME.search(line.text) for line in lines):  # "001.png" has no number in front
        return RawList(tuple(RawRow(line.number, {"name": line.text}) for line in lines))
    for form in _FORMS:
        if (found := form(lines)) is not None:
            return found
    return _plain(lines)


def _without_comment(line: str) -> str:
    """The line itself where it is a spreadsheet's ``#N/A`` or a colour, to be refused as such."""
    if MISSING.fullmatch(line) or re.fullmatch(rf"(?=.*\d){_HEX}", line):
        return line
    return re.sub(r"(^|\s)#.*", "", line).strip(" ")


# ---- forms


def _cvat(lines: Sequence[Line]) -> RawList | None:
    """``name:r,g,b:parts:actions``, CVAT's labelmap.txt."""
    found = _all(lines, rf"{_NAME}:({_COLOUR})?:[^:]*:[^:]*")
    return _rows(found, "CVAT label map")


def _places(lines: Sequence[Line]) -> RawList | None:
    """``/a/airport_terminal 2``, ``/a/apartment_building/outdoor 8``."""
    found = _all(lines, r"/[a-z]/(?P<name>[^\W\d_][^\s/]*(?:/[^\s/]+)?)(?:\s+(?P<id>\d+))?")
    if not found:
        return None
    found = [(line, {**fields, "name": fields["name"].replace("/", " ")}) for line, fields in found]
    return _rows(found, "Places365 categories")


def _synsets(lines: Sequence[Line]) -> RawList | None:
    """``n01440764 tench, Tinca tinca``; the index of a class is its place."""
    found = _all(lines, rf"n\d{{8}}[\s,]+{_NAME}")
    if not found:
        return None
    rows = tuple(
        RawRow(line.number, {**name_fields(fields["name"]), "id": place})
        for place, (line, fields) in enumerate(found)
    )
    return RawList(rows, form="ImageNet synset words")


def _coloured(lines: Sequence[Line]) -> RawList | None:
    """A colour before or behind the name, as numbers or as ``#rrggbb``."""
    for colour in (_COLOUR, _HEX):
        for pattern in (
            rf"{colour}\s*[,;:\s]\s*{_NAME}",
            rf"{_NAME}\s*[,;:\s]\s*{colour}",
            rf"(?P<id>\d+)\s*[,;:\s]\s*{_NAME}\s*[,;:\s]\s*{colour}",
            rf"(?P<id>\d+)\s*[,;:\s]\s*{colour}\s*[,;:\s]\s*{_NAME}",
        ):
            found = _all(lines, pattern)
            names = [fields["name"] for _, fields in found]
            ids = "(?P<id>" in pattern or not all(re.match(r"\d+\b", name) for name in names)
            if names and ids and all(re.search(r"[^\W\d_]", name) for name in names):
                return _rows(found, "names with colours")
    return None


def _id_first(lines: Sequence[Line]) -> RawList | None:
    """``0: person``, ``1. person``, a tab; with a mere space only where the ids count up."""
    marked = _all(
        lines, rf"(?P<id>-?\d{{1,5}})\s*(?:[:.)=;,|]\s*|\t\s*|\s-\s|[-=]>\s*){_NAME}"
    ) or _all(lines, rf"[\[(](?P<id>\d{{1,5}})[\])]\s*{_NAME}")
    if numbers := _all(lines, rf"(?P<id>\d{{1,5}})\s+\d+\.{_NAME}"):
        marked = numbers  # CUB-200's "1 001.Black_footed_Albatross"
    found = marked or _all(lines, rf"(?P<id>\d{{1,9}})(?:\s+|-){_NAME}")
    if not found or not _are_names(found):
        return None
    ids = [int(fields["id"]) for _, fields in found]
    counted = ids == sorted(set(ids)) and ids[0] in (0, 1)
    if not marked and not counted and max(ids) > 99:
        raise ValueError(
            f"row {lines[0].number}: a number before each name, such as {ids[0]}, which are counts "
            "or something else than ids that go up from 0 or 1; write the names alone"
        )
    if len(set(ids)) < len(ids) or not (counted if not marked else len(ids) > 1 or ids[0] < 2):
        return None
    return _rows(found, "numbered lines")


def _id_last(lines: Sequence[Line]) -> RawList | None:
    """``person 0``: the numbers behind the names go up from 0 or 1, as years and models do not."""
    found = _all(lines, rf"{_NAME}\s*(?:[:=;,|\t\s]|[-=]>)\s*(?P<id>\d{{1,9}}(?:[.]\d+)?%?)")
    if not found or len(found) < 2 or not _are_names(found):
        return None
    if fractions := [fields["id"] for _, fields in found if not fields["id"].isdecimal()]:
        raise ValueError(
            f"row {lines[0].number}: a number behind each name, such as {fractions[0]}, which are "
            "scores or shares, no ids; write the names alone"
        )
    ids = [int(fields["id"]) for _, fields in found]
    first = min(ids)
    if first < 2 and (sorted(ids) == list(range(first, first + len(ids))) or _go_up(ids)):
        return _rows(found, "names with ids")
    down = len(ids) > (3 if max(ids) < 1000 else 2) and ids == sorted(ids, reverse=True)
    if down or max(ids) > 3000 or _all(lines, rf"{_NAME}\s*[:=;,|\t]\s*\d+"):
        raise ValueError(
            f"row {lines[0].number}: a number behind each name, such as {ids[0]}, which are counts "
            "or something else than ids that go up from 0 or 1; write the names alone"
        )
    return None


def _go_up(ids: Sequence[int]) -> bool:
    return len(ids) > 2 and list(ids) == sorted(set(ids))


def _quoted(lines: Sequence[Line]) -> RawList | None:
    """``"person",``: a list out of a program, without its brackets."""
    found = _all(lines, _QUOTED.pattern)
    return _rows(found, "quoted names")


def _bullets(lines: Sequence[Line]) -> RawList | None:
    found = _all(lines, rf"(?:[-*•+]|[-*]?\s?\[[ xX]?\])\s+{_NAME}")
    return _rows(found, "list with bullets")


def _comma_ended(lines: Sequence[Line]) -> RawList | None:
    """``person,`` on each line but perhaps the last: the comma parts the classes."""
    if len(lines) < 2 or not all(line.text.endswith(",") for line in lines[:-1]):
        return None
    found = [(line, {"name": line.text.removesuffix(",").strip()}) for line in lines]
    if any("," in fields["name"] for _, fields in found):
        raise ValueError(
            "a list whose names are parted by commas over several lines; write one class a line "
            "(commas part its synonyms)"
        )
    return _rows(found, "names with a comma behind each")


_FORMS: tuple[Callable[[Sequence[Line]], RawList | None], ...] = (
    _cvat,
    _places,
    _synsets,
    _coloured,
    _id_first,
    _id_last,
    _quoted,
    _bullets,
    _comma_ended,
)


def _plain(lines: Sequence[Line]) -> RawList:
    """One class a line; commas part synonyms."""
    _refuse_other_lists(lines)
    rows = []
    for line in lines:
        name, *synonyms = re.split(r",(?![^(]*\))", line.text)
        if len(synonyms) > _MAX_SYNONYMS:
            raise ValueError(
                f"row {line.number}: {len(synonyms) + 1} names on one line, which would be one "
                "class and its synonyms; write one class a line"
            )
        rows.append(RawRow(line.number, {"name": name, "synonyms": synonyms}))
    return RawList(tuple(rows))


def _refuse_other_lists(lines: Sequence[Line]) -> None:
    """Raises: ValueError, for lines in which something else than a class stands."""
    first = lines[0]
    if len(lines) == 1 and (
        marks := re.findall(r",(?![^(]{0,64}\))|[;|\t]|\s\.(?=\s)", first.text)
    ):
        raise ValueError(
            f"row {first.number}: one line of {len(marks) + 1} names, which would be one class and "
            "its synonyms; write one class a line (or, if it is one class, a csv with a column "
            "synonyms)"
        )
    if len(lines) > 1 and _HEADERS.fullmatch(first.text):
        raise ValueError(
            f"row {first.number}: {shown(first.text)} is a heading, and would become a class; "
            "delete it"
        )
    if len(lines) > 2 and first.text == str(len(lines) - 1):
        raise ValueError(
            f"row {first.number}: {first.text} is how many names follow, and would become a class; "
            "delete it"
        )
    if len(lines) > 1 and (headings := [line for line in lines if line.text.endswith(":")]):
        raise ValueError(
            f"row {headings[0].number}: {shown(headings[0].text)} is a heading, and would become a "
            "class; delete it"
        )
    in_front = [re.match(r"-?\d+\s*[:.)\t]\s*\S", line.text) for line in lines]
    odd = [line for line, found in zip(lines, in_front, strict=True) if not found]
    if odd and 2 * len(odd) < len(lines):
        raise ValueError(
            f"row {odd[0].number}: {shown(odd[0].text)} has no number in front, as most lines have;"
            " give each line one, or none"
        )
    if not odd and len(lines) > 1:
        raise ValueError(
            f"rows {lines[0].number} to {lines[-1].number}: a number in front of each, of which two"
            " are the same, or name the same; give each class its own"
        )


# ---- what the forms share


def _all(lines: Sequence[Line], pattern: str) -> list[tuple[Line, dict[str, str]]]:
    """The named parts of each line; nothing unless all lines have the pattern."""
    compiled = re.compile(pattern)
    found = []
    for line in lines:
        parts = compiled.fullmatch(line.text)
        if parts is None:
            return []
        found.append((line, parts.groupdict()))
    return found


def _rows(found: Sequence[tuple[Line, dict[str, str]]], form: str) -> RawList | None:
    """Nothing for lines of which not all had the pattern."""
    if not found:
        return None
    quoted = [_QUOTED.fullmatch(fields["name"]) for _, fields in found]
    rows = []
    for (line, fields), inside in zip(found, quoted, strict=True):
        row = name_fields(inside["name"] if all(quoted) and inside else fields["name"])
        if fields.get("id"):
            row["id"] = int(fields["id"])
        rows.append(RawRow(line.number, row))
    return RawList(tuple(rows), form=form)


def _are_names(found: Sequence[tuple[Line, dict[str, str]]]) -> bool:
    """Whether what is left of each line without its number is a name, and each another."""
    names = [fields["name"] for _, fields in found]
    words = all(re.search(r"[^\W\d_]", name) for name in names)
    return words and len({name.casefold() for name in names}) == len(names)
