"""Class lists in tables: LangSeg's csv, and those of datasets, annotation tools and spreadsheets.

In:  the text of a csv or tsv file.
Out: its classes; or why its columns are no list of classes.

A header says which column is which, by the names that tables in the world use; a table without one
is read where a row can mean one thing only.
"""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.resources import files as package_files

from langseg.descriptors.phrases.characters import printable, shown
from langseg.descriptors.vocabulary.delimited import Table, read_table, whole_number
from langseg.descriptors.vocabulary.raw_list import (
    FIELDS,
    RawList,
    RawRow,
    not_read,
    parted_name,
)
from langseg.descriptors.vocabulary.text_file import load_yaml

_NAMES = (
    "name", "class_name", "display_name", "displayname", "label_name", "category_name",
    "class", "label", "category", "classname", "labelname", "categoryname", "class_label",
    "classes", "names", "labels", "categories", "object", "title",
)  # fmt: skip
_IDS = (
    "id", "class_id", "idx", "index", "label_id", "category_id", "pixel_value", "value", "classid",
    "class_index", "class_number", "pixel", "number", "no", "nr", "#",
)  # fmt: skip
_MOST_COLUMNS = 1000  # far more than a table of classes has
_SYNONYMS = ("synonyms", "aliases")
_DEFINITIONS = ("definition", "def", "description")
# with one of these a row is a picture or a box in it, and its class is there once for each
_OF_ANNOTATIONS = {
    "filename", "file_name", "file", "image", "image_id", "imageid", "image_path", "path", "img",
    "xmin", "ymin", "xmax", "ymax", "bbox", "x", "y", "w", "h", "mask", "encodedpixels", "imgpath",
}  # fmt: skip
_COLOUR_CELL = re.compile(
    r"\s*(\d{1,3}|#[0-9a-fA-F]{6}|[\[(]?\s*\d+\s*,\s*\d+\s*,\s*\d+\s*[\])]?)\s*"
)


def read_class_table(text: str) -> RawList:
    """Raises: ValueError, naming the row or the columns."""
    table = read_table(text)
    if not table.rows:
        return RawList(())
    _, first = table.rows[0]
    if len(first) > _MOST_COLUMNS:
        raise ValueError(f"row 1: {len(first):,} columns; wanted at most {_MOST_COLUMNS:,}")
    header = [_plain(cell) for cell in first]
    if not {*_NAMES, *FIELDS} & set(header):
        return _headerless(table)
    for form in _FORMS:
        if (found := form(header, table)) is not None:
            return found
    return _columns(header, table)


def has_class_header(line: str) -> bool:
    """Whether a line is the header of a table of classes, of two columns or more."""
    try:
        rows = read_table(line + "\n").rows
    except ValueError:
        return False
    cells = {_plain(cell) for cell in rows[0][1]} if rows else set()
    return len(cells) > 1 and bool(cells & set(_NAMES)) and bool(cells & {*_IDS, *FIELDS[1:]})


def _plain(cell: str) -> str:
    return re.sub(r"[\s\-]+", "_", cell.strip().casefold())


# ---- forms that their header tells


def _ade20k(header: Sequence[str], table: Table) -> RawList | None:
    """ADE20K's objectInfo150, whose synonyms are parted by ``;`` or, in another copy, by ``,``.

    The copy with ``;`` has one for every space, too ("chest;of;drawers;chest"): there the names of
    the vocabulary that ships are taken where all words agree.
    """
    if not {"idx", "ratio", "train", "val", "name"} <= set(header):
        return None
    folder = package_files("langseg.descriptors.vocabulary")
    shipped = load_yaml(folder.joinpath("ade20k.yaml").read_text("utf-8"))
    assert isinstance(shipped, dict)
    known = {}
    for entry in shipped["classes"]:
        names = [entry["name"], *entry.get("synonyms", [])]
        known[entry["id"], ";".join(names).replace(" ", ";")] = names
    rows = []
    for line, cells in table.rows[1:]:
        cell = dict(zip(header, cells, strict=False))
        number, name = whole_number(cell["idx"]), cell.get("name", "").strip()
        fields = parted_name(name, ",;")
        if whole := known.get((number, name)):
            fields = {"name": whole[0], "synonyms": whole[1:]}
        rows.append(RawRow(line, {**fields, "id": number}))
    return RawList(tuple(rows), form="ADE20K object info")


def _annotations(header: Sequence[str], table: Table) -> RawList | None:
    """A table of pictures or boxes is refused, a table of phrases sent to its own command."""
    if "text" in header and {"class_name", "class_id"} & set(header):
        raise ValueError("descriptors, one a row; these are read by: langseg-desc import")
    marks = [column for column in header if column in _OF_ANNOTATIONS]
    if marks:
        raise ValueError(
            f"a table of pictures or boxes (column {marks[0]!r}), no list of classes; write each "
            "class once, one a line"
        )
    return None


_FORMS: tuple[Callable[[Sequence[str], Table], RawList | None], ...] = (_ade20k, _annotations)


def _columns(header: Sequence[str], table: Table) -> RawList:
    """Any table with a column of names."""
    _check_header(header, table)
    taken = {}
    for field, known in zip(FIELDS, (_IDS, _NAMES, _SYNONYMS, _DEFINITIONS), strict=True):
        found = [column for column in known if column in header]
        if field == "name" and len(found) > 1 and found[0] not in _NAMES[:6]:
            raise ValueError(
                f"the columns {found[0]!r} and {found[1]!r}, of which either may hold the names; "
                "call that one 'name'"
            )
        if found:
            taken[field] = header.index(found[0])
    if "trainid" in header:
        taken["id"] = header.index("trainid")  # as the Cityscapes vocabulary that ships
    if "name" not in taken:
        raise ValueError(f"row 1: no column 'name' among {', '.join(map(shown, header[:9]))}")
    ignored = header.index("ignoreineval") if "ignoreineval" in header else None
    rows = []
    for line, cells in table.rows[1:]:
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(
                f"row {line}: {len(cells)} cells for {len(header)} columns "
                "(a cell that holds a comma needs quotes)"
            )
        cell = {field: cells[i] if i < len(cells) else "" for field, i in taken.items()}
        fields: dict[str, object] = {"name": cell["name"], "definition": cell.get("definition", "")}
        fields["synonyms"] = [s for s in cell.get("synonyms", "").split(";") if s.strip()]
        if cell.get("id", "").strip():
            fields["id"] = whole_number(cell["id"])
        void = ignored is not None and cells[ignored].strip().casefold() in ("true", "1")
        rows.append(RawRow(line, fields, void))
    unread = [column for i, column in enumerate(header) if i not in taken.values()]
    unread = [column for column in unread if column != "ignoreineval"]
    told = not_read([printable(column, 40) for column in unread])
    if "trainid" in header:
        told = ("ids are its trainIds", *told)
    own = set(header) <= set(FIELDS)
    form = "" if own else "Cityscapes labels" if "trainid" in header else "table"
    return RawList(tuple(rows), form=form, told=told)


def _check_header(header: Sequence[str], table: Table) -> None:
    """Nothing is left unread in silence: a misspelt column would lose its cells."""
    for place, column in enumerate(header, start=1):
        if header.count(column) > 1 and column in {*_NAMES, *_IDS, *FIELDS}:
            raise ValueError(f"row 1: column {column!r} is there twice")
        if not column or column.startswith("unnamed:"):
            filled = any(
                len(cells) >= place and cells[place - 1].strip() for _, cells in table.rows
            )
            if filled:
                raise ValueError(
                    f"row 1: column {place} has no name; call it 'id' if its numbers are the "
                    "classes' values in the masks, else delete it (pandas: index=False)"
                )
        elif column not in {*_NAMES, *_IDS, *_SYNONYMS, *_DEFINITIONS}:
            wanted = [field for field in FIELDS if field not in header]
            if close := get_close_matches(column, wanted, n=1, cutoff=0.75):
                raise ValueError(
                    f"row 1: unknown column {column[:60]!r} (did you mean {close[0]!r}?)"
                )


# ---- tables without a header


def _headerless(table: Table) -> RawList:
    rows = [(line, [cell.strip() for cell in cells]) for line, cells in table.rows]
    widths = {len(cells) for _, cells in rows}
    if len(rows) == 1 and len(rows[0][1]) > 1:
        raise ValueError(
            f"one line of {len(rows[0][1])} cells; write one class a line, or a header and a row "
            "for each class"
        )
    if len(widths) == 1:
        columns = list(zip(*(cells for _, cells in rows), strict=True))
        lines = [line for line, _ in rows]
        if len(columns) == 2 and all(re.fullmatch(r"/[mg]/\S+", cell) for cell in columns[0]):
            found = zip(lines, columns[1], strict=True)
            named = tuple(RawRow(line, {"name": name}) for line, name in found)
            return RawList(named, form="Open Images class descriptions")
        numbers = [i for i, column in enumerate(columns) if _are_ids(column)]
        words = [i for i, column in enumerate(columns) if all(map(_is_word, column))]
        colours = [
            i for i, column in enumerate(columns) if all(map(_COLOUR_CELL.fullmatch, column))
        ]
        if len(words) == 1 and set(words + numbers + colours) == set(range(len(columns))):
            names = columns[words[0]]
            ids = columns[numbers[0]] if numbers and len(columns) != 4 else None
            named = tuple(
                RawRow(line, {"name": name} | ({} if ids is None else {"id": whole_number(ids[i])}))
                for i, (line, name) in enumerate(zip(lines, names, strict=True))
            )
            if len(columns) > 1:
                return RawList(named, form="table without a header")
    first = ", ".join(shown(cell, 30) for cell in rows[0][1][:6])
    raise ValueError(
        f"row 1: no column 'name' among {first}; the first row names the columns (known: "
        f"{', '.join(FIELDS)})"
    )


def _are_ids(column: Sequence[str]) -> bool:
    """Whether they go up from 0 or 1, as counts do not."""
    numbers = [whole_number(cell) for cell in column]
    ids = [number for number in numbers if isinstance(number, int)]
    if len(ids) < len(column) or min(ids) not in (0, 1) or len(set(ids)) < len(ids):
        return False
    return ids == sorted(ids) or max(ids) - min(ids) == len(ids) - 1


def _is_word(cell: str) -> bool:
    return any(char.isalpha() for char in cell) and not _COLOUR_CELL.fullmatch(cell)
