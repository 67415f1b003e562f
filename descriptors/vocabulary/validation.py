"""Check a class list, row by row: what a name, an id, a definition and a scene may be.

In:  a class list as a person wrote it (``class_list``).
Out: the ``Vocabulary`` it means; or one error that names every bad row.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, scene_key
from langseg.descriptors.phrases.characters import (
    shown,
    unseen_character,
    without_picture_marks,
)
from langseg.descriptors.phrases.spoken import NAME_CHARS
from langseg.descriptors.vocabulary.look_alikes import checked_look_alikes
from langseg.descriptors.vocabulary.raw_list import RawList, RawRow
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

DEFINITION_CHARS = 300
MAX_SYNONYMS = 100
MAX_ID = 65535  # what a 16-bit PNG holds
_MARKUP = "<>{}[]\\|=`"  # of pages, templates, terminals, tables, paths and settings
_RUN_BY_SPREADSHEETS = ("+", "@")
_UNSEEN_IN_NAMES = dict.fromkeys(map(ord, "\u00ad\u200c\u200d\ufe0e\ufe0f"))
_PROBLEMS_SHOWN = 50


def check_classes(raw: RawList, where: str, default_name: str = "") -> Vocabulary:
    """The vocabulary a raw class list means.

    Without ids the classes are 1..C. Without ``ignore_ids`` they are those of 0 and 255 that no
    class has, so 255 is a class like any other once there are more than 254.
    Raises: InputError, naming every bad row with its number.
    """
    problems: list[str] = []
    entries = _entries(raw.rows, problems)
    ignore_ids = _ignore_ids(raw.ignore_ids, {entry.id for entry in entries}, problems)
    scenes = checked_scenes(raw.scenes, {entry.name for entry in entries}, problems)
    scene_names = _scene_names(raw.scene_names, scenes, problems)
    look_alikes = checked_look_alikes(raw.look_alikes, {entry.name for entry in entries}, problems)
    hypernyms = _hypernyms(raw.hypernyms, entries, problems)
    name = default_name if raw.name is None else raw.name
    if not isinstance(name, str) or unseen_character(name) or not 1 <= len(name) <= NAME_CHARS:
        problems.append(f"name: wanted 1 to {NAME_CHARS} visible characters, got {shown(name)}")
    if not raw.rows:
        problems.append("it has no class")
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        listed = problems[:_PROBLEMS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise InputError(f"{where}: this class list cannot be used: {'; '.join(listed)}")
    return Vocabulary(
        name=str(name),
        classes=tuple(entries),
        ignore_ids=ignore_ids,
        scenes=scenes,
        scene_names=scene_names,
        look_alikes=look_alikes,
        hypernyms=hypernyms,
    )


def name_problem(value: object, most: int = NAME_CHARS) -> str:
    """Why a value is no class or scene name, or ``""``.

    A name is 1 to ``most`` visible characters, a letter or digit among them, of any script and with
    any punctuation but markup; a soft hyphen may stand inside a word.
    """
    if not isinstance(value, str):
        return f"wanted a name in text, got {shown(value)} (put it in quotes)"
    text = unicodedata.normalize("NFC", value).strip(" ")
    seen = without_picture_marks(re.sub(r"(?<=\w)\u00ad(?=\w)", "", text))
    marks = [char for char in text if char in _MARKUP]
    foreign = unseen_character(seen)
    if marks and not foreign:
        foreign = f"U+{ord(marks[0]):04X} {unicodedata.name(marks[0])}"
    if foreign:
        return f"{shown(value)} holds {foreign}; wanted visible characters, and none of {_MARKUP}"
    if text.startswith(_RUN_BY_SPREADSHEETS) or "../" in text:
        return f"{shown(value)} is no name: it begins as a formula, or holds a path"
    if len(text) > most or not any(char.isalnum() for char in text):
        return (
            f"{shown(value)} has {len(text)} characters; "
            f"wanted 1 to {most}, a letter or digit among them"
        )
    return ""


def _entries(rows: Sequence[RawRow], problems: list[str]) -> list[ClassEntry]:
    entries: list[ClassEntry] = []
    row_of_name: dict[str, int] = {}
    row_of_saying: dict[str, int] = {}
    row_of_id: dict[int, int] = {}
    with_ids = any("id" in row.fields for row in rows)
    for row in rows:
        entry, found = _checked_row(row, None if with_ids else len(entries) + 1)
        if entry is not None:
            looks = entry.name.translate(_UNSEEN_IN_NAMES).casefold()
            first = row_of_name.setdefault(looks, row.number)
            if first != row.number:
                found.append(f"{entry.name!r} is the name of row {first} again")
            saying = json.dumps(entry.prompt_data).casefold()
            first = row_of_saying.setdefault(saying, row.number)
            if first != row.number and not found:
                found.append(
                    f"{entry.name!r} says what row {first} says, {entry.spoken.text!r}; give "
                    "each a definition, or a word in brackets, that tells it from the other"
                )
            first = row_of_id.setdefault(entry.id, row.number)
            if first != row.number:
                found.append(f"id {entry.id} is the id of row {first} again")
            entries.append(entry)
        problems += [f"row {row.number}: {problem}" for problem in found]
    return entries


def _checked_name(value: object) -> str:
    if problem := name_problem(value):
        raise ValueError(problem)
    return normalise_text(str(value))


def _checked_synonyms(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > MAX_SYNONYMS:
        raise ValueError(f"synonyms: wanted a list of at most {MAX_SYNONYMS}, got {shown(value)}")
    return value


def _checked_definition(value: object) -> str:
    if not isinstance(value, str) or len(value) > DEFINITION_CHARS or unseen_character(value):
        raise ValueError(
            f"definition: wanted at most {DEFINITION_CHARS} visible characters on one line, "
            f"got {shown(value)}"
        )
    return normalise_text(value)


def _checked_id(value: object) -> int:
    if not _is_id(value):
        raise ValueError(f"id: wanted 0 to {MAX_ID} in every row or in none, got {shown(value)}")
    return cast(int, value)


_Name = Annotated[str, PlainValidator(_checked_name)]


class _Row(BaseModel):
    """One class as written. A list that leaves a field empty has none of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[int, PlainValidator(_checked_id)]
    name: _Name
    synonyms: Annotated[list[_Name], BeforeValidator(_checked_synonyms)]
    definition: Annotated[str, PlainValidator(_checked_definition)]

    def entry(self) -> ClassEntry:
        """The class of the row; a synonym that is the name says nothing."""
        others = dict.fromkeys(s for s in self.synonyms if s != self.name)
        return ClassEntry(
            id=self.id, name=self.name, synonyms=tuple(others), definition=self.definition
        )


def _checked_row(row: RawRow, default_id: int | None) -> tuple[ClassEntry | None, list[str]]:
    """The class of a row, or None and what is wrong; a row without an id has the default one."""
    values = {"id": default_id, "name": None, **row.fields}
    values["synonyms"] = values.get("synonyms") or []
    values["definition"] = values.get("definition") or ""
    try:
        return _Row.model_validate(values).entry(), []
    except ValidationError as exc:
        return None, [
            f"unknown key {shown(error['loc'][0])}"
            if error["type"] == "extra_forbidden"
            else str(error["ctx"]["error"])
            for error in exc.errors()
        ]


def _ignore_ids(value: object, ids: set[int], problems: list[str]) -> tuple[int, ...]:
    if value is None:
        return tuple(number for number in (0, 255) if number not in ids)
    if not isinstance(value, list) or not all(_is_id(number) for number in value):
        problems.append(f"ignore_ids: wanted a list of 0 to {MAX_ID}, got {shown(value)}")
        return ()
    problems += [f"ignore_ids: {number} is a class's id" for number in value if number in ids]
    return tuple(dict.fromkeys(value))


def checked_scenes(
    value: object, names: set[str], problems: list[str]
) -> dict[str, tuple[str, ...]]:
    """Scene -> class names, as a file says it; what is wrong is added to ``problems``."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"scenes: wanted {{scene: [class names]}}, got {shown(value)}")
        return {}
    scenes: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for scene, listed in value.items():
        if problem := name_problem(scene):
            problems.append(f"scenes: {problem}")
        elif not isinstance(listed, list) or not listed:
            problems.append(f"scene {scene!r}: wanted a list of class names, got {shown(listed)}")
        elif scene_key(scene) in taken:
            problems.append(f"scene {scene!r}: it is there twice")
        else:
            found = [normalise_text(name) if isinstance(name, str) else "" for name in listed]
            pairs = zip(listed, found, strict=True)
            strangers = [shown(written) for written, name in pairs if name not in names]
            if strangers:
                problems.append(f"scene {scene!r}: no class is named {', '.join(strangers)}")
            scenes[normalise_text(scene)] = tuple(dict.fromkeys(found))
            taken.add(scene_key(scene))
    return scenes


def _scene_names(
    value: object, scenes: Mapping[str, object], problems: list[str]
) -> dict[str, tuple[str, ...]]:
    """Scene -> its other names; each stands for one scene, and is no scene's own name."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"scene_names: wanted {{scene: [other names]}}, got {shown(value)}")
        return {}
    found: dict[str, tuple[str, ...]] = {}
    taken = {scene_key(scene) for scene in scenes}
    for key, listed in value.items():
        scene = normalise_text(str(key))
        if scene not in scenes:
            problems.append(f"scene_names: no scene is named {shown(key)}")
        elif not isinstance(listed, list) or not listed:
            problems.append(f"scene_names of {scene!r}: wanted a list, got {shown(listed)}")
        else:
            for name in listed:
                if problem := name_problem(name):
                    problems.append(f"scene_names of {scene!r}: {problem}")
                elif scene_key(name) in taken:
                    problems.append(f"scene_names of {scene!r}: {name!r} already names a scene")
                else:
                    taken.add(scene_key(name))
            found[scene] = tuple(normalise_text(str(name)) for name in listed)
    return found


def _hypernyms(value: object, entries: Sequence[ClassEntry], problems: list[str]) -> dict[str, str]:
    """Class -> the broader word under which the file lists it."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"hypernyms: wanted {{broader word: [classes]}}, got {shown(value)}")
        return {}
    own = {entry.name: {entry.name, *entry.synonyms} for entry in entries}
    found: dict[str, str] = {}
    for word, listed in value.items():
        if problem := name_problem(word):
            problems.append(f"hypernyms: {problem}")
        elif not isinstance(listed, list) or not listed:
            problems.append(f"hypernyms: {word!r}: wanted a list of classes, got {shown(listed)}")
        else:
            for written in listed:
                name = normalise_text(written) if isinstance(written, str) else ""
                if name not in own:
                    problems.append(f"hypernyms: {word!r}: no class is named {shown(written)}")
                elif name in found:
                    problems.append(f"hypernyms: {name!r} has {found[name]!r} and {word!r}")
                elif word in own[name]:
                    problems.append(f"hypernyms: {word!r} is a name of {name!r}, not a broader one")
                else:
                    found[name] = normalise_text(word)
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID
