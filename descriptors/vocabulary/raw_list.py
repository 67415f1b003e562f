"""A class list as written, before anything in it is checked.

In:  what a reader of one form (``forms``) found in a file.
Out: a ``RawList``: rows of raw fields, the form, and what a person must know of the reading.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FIELDS = ("id", "name", "synonyms", "definition")


@dataclass(frozen=True)
class RawRow:
    """One class as written. ``number`` is the line in a text or table, else the place in the
    list; ``void`` says that the file itself leaves it out of scoring."""

    number: int
    fields: Mapping[str, object]
    void: bool = False

    @property
    def plain_name(self) -> str:
        """The name without space around it; "" for what is no text (a YAML alias bomb, say)."""
        name = self.fields.get("name")
        return name.strip() if isinstance(name, str) else ""


@dataclass(frozen=True)
class RawList:
    """A class list as written; ``None`` where the file does not say.

    ``form`` is whose form the file has ("COCO categories"), "" for LangSeg's own; ``told`` is what
    was left out or taken for something, each in a few words.
    """

    rows: tuple[RawRow, ...]
    name: object = None
    ignore_ids: object = None
    scenes: object = None
    scene_names: object = None
    look_alikes: object = None
    hypernyms: object = None
    form: str = ""
    told: tuple[str, ...] = ()


def parted_name(text: str, marks: str = ",") -> dict[str, object]:
    """Name and synonyms of ``door, double door``; what stands in brackets is not parted."""
    name, *synonyms = re.split(rf"[{re.escape(marks)}](?![^(]*\))", text)
    return {"name": name, "synonyms": [other for other in synonyms if other.strip()]}


def numbered(names: Iterable[object], first: int = 0, marks: str = ",") -> tuple[RawRow, ...]:
    """Rows of names whose ids are their places, counted from ``first``."""
    return tuple(
        RawRow(place, {**name_fields(name, marks), "id": place - 1 + first})
        for place, name in enumerate(names, start=1)
    )


def name_fields(name: object, marks: str = ",") -> dict[str, object]:
    """As ``parted_name``; a name that is no text is handed on to be refused by its row."""
    return parted_name(name, marks) if isinstance(name, str) else {"name": name}


def not_read(keys: Sequence[str]) -> tuple[str, ...]:
    """What is told of keys or columns that no class has a place for."""
    return (f"not read: {', '.join(keys)}",) if keys else ()
