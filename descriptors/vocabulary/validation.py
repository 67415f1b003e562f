"""Check a class list, row by row: what a name, an id, a definition and a scene may be.

In:  a class list as a person wrote it (``class_list``).
Out: the ``Vocabulary`` it means; or one error that names every bad row.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, scene_key
from langseg.descriptors.phrases.characters import foreign_character, shown, unseen_character
from langseg.descriptors.phrases.rules import NAME_CHARS
from langseg.descriptors.vocabulary.class_list import FIELDS, RawList, RawRow
from langseg.descriptors.vocabulary.look_alikes import checked_look_alikes
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

DEFINITION_CHARS = 300
MAX_SYNONYMS = 100
MAX_ID = 65535  # what a 16-bit PNG holds
_NAME_PUNCTUATION = " -_'/,()"
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
    )


def name_problem(value: object) -> str:
    """Why a value is no class or scene name, or ``""``.

    A name is 1 to 64 letters, digits, spaces and ``-_'/,()`` with at least one letter or digit.
    """
    if not isinstance(value, str):
        return f"wanted a name in text, got {shown(value)} (put it in quotes)"
    text = unicodedata.normalize("NFC", value).strip(" ")
    foreign = foreign_character(text, _NAME_PUNCTUATION)
    if foreign:
        return (
            f"{shown(value)} holds {foreign}; "
            f"wanted letters, digits, spaces and {_NAME_PUNCTUATION.strip()} only"
        )
    if len(text) > NAME_CHARS or not any(char.isalnum() for char in text):
        return (
            f"{shown(value)} has {len(text)} characters; "
            f"wanted 1 to {NAME_CHARS}, a letter or digit among them"
        )
    return ""


def _entries(rows: Sequence[RawRow], problems: list[str]) -> list[ClassEntry]:
    entries: list[ClassEntry] = []
    row_of_name: dict[str, int] = {}
    row_of_id: dict[int, int] = {}
    with_ids = any("id" in row.fields for row in rows)
    for row in rows:
        found = _row_problems(row, with_ids)
        if not found:
            entry = _entry(row, len(entries) + 1)
            first = row_of_name.setdefault(entry.name.casefold(), row.number)
            if first != row.number:
                found.append(f"{entry.name!r} is the name of row {first} again")
            first = row_of_id.setdefault(entry.id, row.number)
            if first != row.number:
                found.append(f"id {entry.id} is the id of row {first} again")
            entries.append(entry)
        problems += [f"row {row.number}: {problem}" for problem in found]
    return entries


def _row_problems(row: RawRow, with_ids: bool) -> list[str]:
    fields = row.fields
    found = [f"unknown key {shown(key)}" for key in fields if key not in FIELDS]
    synonyms = fields.get("synonyms") or []
    if not isinstance(synonyms, list) or len(synonyms) > MAX_SYNONYMS:
        found.append(f"synonyms: wanted a list of at most {MAX_SYNONYMS}, got {shown(synonyms)}")
        synonyms = []
    for value in (fields.get("name"), *synonyms):
        if problem := name_problem(value):
            found.append(problem)
    definition = fields.get("definition") or ""
    if (
        not isinstance(definition, str)
        or len(definition) > DEFINITION_CHARS
        or unseen_character(definition)
    ):
        found.append(
            f"definition: wanted at most {DEFINITION_CHARS} visible characters on one line, "
            f"got {shown(definition)}"
        )
    number = fields.get("id")
    if with_ids and not _is_id(number):
        found.append(f"id: wanted 0 to {MAX_ID} in every row or in none, got {shown(number)}")
    return found


def _entry(row: RawRow, default_id: int) -> ClassEntry:
    """One entry of a row without problems."""
    fields = row.fields
    synonyms = fields.get("synonyms") or []
    number = fields.get("id", default_id)
    assert isinstance(synonyms, list)
    assert isinstance(number, int)
    name = normalise_text(str(fields["name"]))
    return ClassEntry(
        name=name,
        id=number,
        synonyms=tuple(dict.fromkeys(s for s in map(normalise_text, synonyms) if s != name)),
        definition=normalise_text(str(fields.get("definition") or "")),
    )


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


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID
