"""Find, for the classes a file names, those of a vocabulary.

In:  a file's phrases, a vocabulary.
Out: the phrases of each class in each scene, in the vocabulary's order; and everything that found
     no place, by name, so that nothing is lost in silence.

A name is looked for as it stands; then without case, with ``_`` and ``-`` as spaces; then as it is
said (``bow (weapon)`` for ``bow_(weapon)``, ``000.Park_Bench``); then among the synonyms; then
without the view of a place that Places and SUN set behind it (``field/wild``, ``lake-natural``);
then among the names, not the synonyms, in the other number (``trees``; but ``wheels`` is no
bicycle, which ADE20K calls a wheel, too); last without a number behind it (``bench-3``, an item of
a batch). Where that fits two classes it fits none: a wrong class is worse than a lacking one, and
so ``car_interior`` is no car, ``crane (bird)`` no crane, ``wall-other`` no wall and ``glasses`` no
glass. What was found by another name is told; of what was not found the nearest spellings are.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.exchange.imported_file import ForeignPhrase, ForeignSet
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.phrases.names import word_forms
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

Pair = tuple[str, str]  # class name, scene
_SHOWN = 5
_GUESSED = 100  # names at most that nearest spellings are looked for
_ALIKE = 0.82  # below it a beach is near a bench, and an airfield near a field
_SHORT = 6  # letters: one more makes a bar a barn, sand a stand, a plant a planet
# What Places and SUN set behind the name of a place that they show in several ways. Not the inside
# of a thing, which does not look like it; and no other word: a car-wash is no car.
_VIEW = re.compile(
    r"\s*[/\-]\s*(indoor|outdoor|exterior|natural|wild|cultivated)\s*$", re.IGNORECASE
)
_ITEM = re.compile(r"(.*\D)[-_:#/ ]\d{1,6}")
_OTHER_THINGS = frozenset(("glasses", "arms", "goods", "irons", "customs"))  # no mere plurals


@dataclass(frozen=True, kw_only=True)
class Match:
    """``lists`` has no empty one. ``renamed`` gives the class that a name of the file was taken
    for, where it is called otherwise. ``unknown`` names of the file are no class, ``unknown_pairs``
    no (class, scene) of the vocabulary, ``disagreeing`` ids those of another class than the one
    their row names; all three count their phrases. ``guesses`` are the classes that unknown names
    are spelled most like. ``empty`` classes are listed in the file without any phrase, ``missing``
    ones not at all."""

    lists: Mapping[Pair, tuple[ForeignPhrase, ...]]
    renamed: Mapping[str, str]
    unknown: Mapping[str, int]
    unknown_pairs: Mapping[str, int]
    disagreeing: Mapping[str, int]
    guesses: Mapping[str, tuple[str, ...]]
    empty: tuple[str, ...]
    missing: tuple[str, ...]


def match_classes(foreign: ForeignSet, vocabulary: Vocabulary) -> Match:
    """Raises: InputError, when no phrase of the file is about a class of the vocabulary."""
    names = [entry.name for entry in vocabulary.classes]
    find = _finder(vocabulary)
    scenes = {_folded(scene): scene for scene in (ANY_SCENE, *vocabulary.scenes)}
    found: dict[Pair, list[ForeignPhrase]] = {}
    renamed: dict[str, str] = {}
    unknown: Counter[str] = Counter()
    unknown_pairs: Counter[str] = Counter()
    disagreeing: Counter[str] = Counter()
    for phrase in foreign.phrases:
        name, label = _class_of(phrase, names, find)
        if name is None:
            unknown[label] += 1
            continue
        if _folded(phrase.class_name) != _folded(name):  # a class_id is told, too
            renamed[label] = name
        if contradiction := _other_id(phrase, name, names):
            disagreeing[contradiction] += 1
        scene = scenes.get(_folded(phrase.scene), "")
        if scene == ANY_SCENE or name in vocabulary.scenes.get(scene, ()):
            found.setdefault((name, scene), []).append(phrase)
        else:
            unknown_pairs[printable(f"{name} in {phrase.scene}", 100)] += 1
    listed = {label: find(label) for label in foreign.empty}
    unknown.update({printable(label, 60): 0 for label, name in listed.items() if name is None})
    if not foreign.phrases:
        raise InputError(f"{foreign.file}: wanted phrases about classes, got none at all")
    guesses = _guesses(unknown, vocabulary)
    if not found:
        perhaps = f"; did you mean {told_guesses(guesses)}? If not," if guesses else ""
        raise InputError(
            f"{foreign.file}: wanted phrases about classes of {vocabulary.name}, got "
            f"{len(foreign.phrases)} phrases about others ({some(unknown or unknown_pairs)})"
            f"{perhaps or ';'} give the vocabulary it is about with --dataset or --classes"
        )
    described = {name for name, _ in found}
    empty = [name for name in names if name in listed.values() and name not in described]
    order = {scene: n for n, scene in enumerate(scenes.values())}
    place = {name: n for n, name in enumerate(names)}
    pairs = sorted(found, key=lambda pair: (order[pair[1]], place[pair[0]]))
    return Match(
        lists={pair: tuple(found[pair]) for pair in pairs},
        renamed=renamed,
        unknown=unknown,
        unknown_pairs=unknown_pairs,
        disagreeing=disagreeing,
        guesses=guesses,
        empty=tuple(empty),
        missing=tuple(n for n in names if n not in described and n not in empty),
    )


def some(names: Iterable[str]) -> str:
    """The first of some names, quoted, and how many more there are."""
    listed = list(names)
    more = len(listed) - _SHOWN
    return ", ".join(map(repr, listed[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


def told_guesses(guesses: Mapping[str, Sequence[str]]) -> str:
    """The first few, in words."""
    of_each = ((label, " or ".join(map(repr, names[:3]))) for label, names in guesses.items())
    shown = [f"{names} by {label!r}" for label, names in of_each][:_SHOWN]
    more = len(guesses) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _guesses(unknown: Iterable[str], vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    spelled: dict[str, dict[str, None]] = {}
    for entry in vocabulary.classes:
        for name in (entry.name, *entry.synonyms):
            spelled.setdefault(_folded(name), {})[entry.name] = None
    found: dict[str, tuple[str, ...]] = {}
    for label in list(unknown)[:_GUESSED]:
        near = get_close_matches(_folded(label), spelled, cutoff=_ALIKE)
        if mine := [name for name in near if _is_slip(_folded(label), name)]:
            found[label] = tuple(spelled[mine[0]])
    return found


def _is_slip(label: str, name: str) -> bool:
    """A short word is near another only where it has the very same letters, one of them twice."""
    return min(len(label), len(name)) >= _SHORT or set(label) == set(name)


def _other_id(phrase: ForeignPhrase, name: str, names: list[str]) -> str:
    """What a row's ``class_id`` says that its ``class_name`` does not, or ``""``."""
    number = phrase.class_id
    if number is None or not phrase.class_name or names[number : number + 1] == [name]:
        return ""
    return f"{number} ({names[number] if number < len(names) else 'no class'}) for {name}"


def _class_of(
    phrase: ForeignPhrase, names: list[str], find: Callable[[str], str | None]
) -> tuple[str | None, str]:
    if phrase.class_name or phrase.class_id is None:
        return find(phrase.class_name), printable(phrase.class_name, 60)
    known = phrase.class_id < len(names)
    return names[phrase.class_id] if known else None, f"class_id {phrase.class_id}"


def _finder(vocabulary: Vocabulary) -> Callable[[str], str | None]:
    exact = {entry.name: {entry.name} for entry in vocabulary.classes}
    loose: dict[str, set[str]] = {}
    said: dict[str, set[str]] = {}
    synonyms: dict[str, set[str]] = {}
    numbers: dict[str, set[str]] = {}
    for entry in vocabulary.classes:
        loose.setdefault(_folded(entry.name), set()).add(entry.name)
        for text in (entry.spoken.text, entry.spoken.name):
            said.setdefault(_folded(text), set()).add(entry.name)
        for synonym in entry.prompt_data["synonyms"]:
            synonyms.setdefault(_folded(synonym), set()).add(entry.name)
        for form in (*_numbers(entry.name), *_numbers(entry.spoken.name)):
            numbers.setdefault(form, set()).add(entry.name)

    def called(label: str) -> set[str]:
        for known, folded in (
            (loose, _folded(label)),
            (said, _folded_saying(label)),
            (synonyms, _folded(label)),
            (synonyms, _folded_saying(label)),
        ):
            if folded in known:
                return known[folded]
        return set()

    @cache
    def find(label: str) -> str | None:
        place = _VIEW.sub("", label)
        plural = numbers.get(_folded(place)) or numbers.get(_folded_saying(place)) or set()
        candidates = exact.get(label) or called(label) or called(place) or plural
        if not candidates and (item := _ITEM.fullmatch(label)):
            candidates = called(item[1])
        if not candidates:  # "car, auto, automobile": all of them mean one class, or none does
            said_of_label = spoken(label)
            names = (said_of_label.name, *said_of_label.others)
            candidates = set().union(*map(called, names)) if len(names) > 1 else set()
        return next(iter(candidates)) if len(candidates) == 1 else None

    return find


def _folded_saying(label: str) -> str:
    """How a label is said; ``wall-other`` is what the walls of other classes leave, so not."""
    said = spoken(label)
    left_over = said.note.startswith("any ")
    return _folded(label if left_over else said.text)


def _numbers(name: str) -> frozenset[str]:
    """A name in the singular and the plural, whichever it is in itself."""
    *first, last = _folded(name).split() or [""]  # a class may be called "-"
    forms = word_forms(last) - _OTHER_THINGS
    return frozenset(" ".join((*first, form)) for form in forms)


def _folded(name: str) -> str:
    plain = re.sub(r"[_\-]", " ", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(plain.split())
