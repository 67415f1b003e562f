"""Find which of the classes that a store describes words mean.

In:  a vocabulary whose classes may be words alone, a store, the bank that a head was trained with.
Out: the vocabulary that the store describes, in the same order; sentences on what was meant.

A class with synonyms or a definition means just itself. A word alone means, where the store
describes it: that very word; else the class of that name in the vocabulary that the head was
trained on; else the only class of that name; else, in the same order, those with that synonym.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.keys import canonical_json
from langseg.cache.records import ANY_SCENE
from langseg.cache.store.store import Store
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

Sense = tuple[str, str]  # a class's name, and what prompts say of it


@dataclass(frozen=True)
class _Stored:
    """A class that the store describes, in these scenes ("*" among them)."""

    entry: ClassEntry
    scenes: set[str] = field(default_factory=set)


def meant(asked: Vocabulary, trained: TextBank, store: Store) -> tuple[Vocabulary, tuple[str, ...]]:
    """The asked classes as the store describes them, their ids and order as asked.

    Its scenes are those of the asked vocabulary that the store describes a class in, else those
    that the head was trained with.
    """
    stored = _stored_classes(store)
    home = _senses_of(trained.vocabulary)
    names = {entry.name for entry in asked.classes}
    entries: list[ClassEntry] = []
    unclear: list[str] = []
    for entry in asked.classes:
        found = _meanings(entry, stored, home)
        taken = names - {entry.name} | {one.name for one in entries}
        found = [one for one in found if one.name not in taken]
        if len(found) > 1:
            unclear.append(_unclear(entry.name, found))
        entries.append(replace(found[0], id=entry.id) if len(found) == 1 else entry)
    scenes = _scenes(asked, trained, entries, stored)
    known = {**trained.scene_names, **asked.scene_names}
    vocabulary = Vocabulary(
        name=asked.name,
        classes=tuple(entries),
        ignore_ids=asked.ignore_ids,
        scenes=scenes,
        scene_names={scene: known[scene] for scene in scenes if scene in known},
    )
    return vocabulary, (*_taken_for(asked, entries), *unclear)


def _stored_classes(store: Store) -> dict[Sense, _Stored]:
    """Every class that an accepted answer of the store is about."""
    accepted: set[str] = set()
    for piece in store.stream("responses", ("request_key", "status")):
        rows = piece.to_pylist()
        accepted.update(row["request_key"] for row in rows if row["status"] == "ok")
    stored: dict[Sense, _Stored] = {}
    for piece in store.stream("requests", ("request_key", "class_name", "scene", "messages_json")):
        for row in piece.to_pylist():
            if row["request_key"] in accepted and row["class_name"]:
                data = class_data(row["messages_json"])
                sense = row["class_name"], canonical_json(data)
                if sense not in stored:
                    stored[sense] = _Stored(_entry(row["class_name"], data))
                stored[sense].scenes.add(row["scene"])
    return {
        sense: one
        for sense, one in stored.items()
        if ANY_SCENE in one.scenes and _sense(one.entry) == sense
    }


def _entry(name: str, data: Mapping[str, object]) -> ClassEntry:
    """The class that prompts say this of: what stands for a definition may come of the name."""
    entry = ClassEntry(name=name, id=0, synonyms=tuple(data["synonyms"]))  # type: ignore[arg-type]
    if entry.prompt_data == data:
        return entry
    return replace(entry, definition=str(data["definition"]))


def _sense(entry: ClassEntry) -> Sense:
    return entry.name, canonical_json(entry.prompt_data)


@cache
def _senses_of(vocabulary: str) -> frozenset[Sense]:
    """Of a vocabulary that ships; of another none is known."""
    if vocabulary not in shipped_vocabularies():
        return frozenset()
    return frozenset(_sense(entry) for entry in load_vocabulary(vocabulary).classes)


def _meanings(
    word: ClassEntry, stored: Mapping[Sense, _Stored], home: frozenset[Sense]
) -> list[ClassEntry]:
    """None, one, or several that are as likely."""
    if _sense(word) in stored:
        return [word]
    if word.synonyms or word.definition:
        return []
    said = _key(word.name)
    entries = {sense: one.entry for sense, one in stored.items()}
    named = {s: e for s, e in entries.items() if said in (_key(e.name), _key(e.spoken.name))}
    also = {s: e for s, e in entries.items() if said in map(_key, e.prompt_data["synonyms"])}
    for pool in (named, also):
        own = [entry for sense, entry in pool.items() if sense in home]
        if own or pool:
            return own or list(pool.values())
    return []


def _key(name: str) -> str:
    return " ".join(spoken(name).name.replace("-", " ").casefold().split())


def _scenes(
    asked: Vocabulary, trained: TextBank, entries: Sequence[ClassEntry],
    stored: Mapping[Sense, _Stored],
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    described = {
        scene: tuple(
            entry.name
            for entry in entries
            if (one := stored.get(_sense(entry))) and scene in one.scenes
        )
        for scene in (*asked.scenes, *trained.scenes[1:])
    }
    own = {scene: described[scene] for scene in asked.scenes if described[scene]}
    return own or {scene: described[scene] for scene in trained.scenes[1:]}


def _taken_for(asked: Vocabulary, entries: Sequence[ClassEntry]) -> list[str]:
    """Which words stand for a class of a vocabulary, and for one of another name."""
    of: dict[str, list[str]] = {}
    for word, entry in zip(asked.classes, entries, strict=True):
        if _sense(word) != _sense(entry):
            spoken_as = word.name if word.name == entry.name else f"{word.name} ({entry.name})"
            of.setdefault(_origin(entry), []).append(spoken_as)
    return [
        f"as {origin} means {'it' if len(words) == 1 else 'them'}: {', '.join(words)}"
        for origin, words in of.items()
    ]


def _unclear(word: str, found: Sequence[ClassEntry]) -> str:
    senses = "; ".join(
        f"{_origin(one)}'s {one.name}, {one.definition or 'without a definition'}" for one in found
    )
    return (
        f"{word}: the store describes {len(found)} classes of that name ({senses}), so none was "
        "taken; a class list that gives a definition says which"
    )


def _origin(entry: ClassEntry) -> str:
    """The vocabulary that ships the class, else whose it is."""
    shipped = [name for name in shipped_vocabularies() if _sense(entry) in _senses_of(name)]
    return shipped[0] if shipped else "a class list of yours"
