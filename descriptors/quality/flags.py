"""Flag what is wrong, or looks wrong, with the phrases of a vocabulary that are already kept.

In:  the phrases of each class, as ``build.class_phrases`` gives them, and their vectors.
Out: flags: a reason, the class, the phrase (``""`` for the class as a whole), what was seen.

A flag is a reason to look and no verdict: nothing is dropped for it. What the parser turns down
does not get here, so that a set of our own has few flags and an imported one may have many.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langseg.cache.records import ANY_SCENE, NAME_SLOT, SLOTS
from langseg.descriptors.bank.build import Phrase
from langseg.descriptors.phrases.contradictions import contradictions
from langseg.descriptors.phrases.language import is_other_language, is_other_script
from langseg.descriptors.phrases.names import NameFinder, words
from langseg.descriptors.phrases.rules import folded, phrase_verdict
from langseg.descriptors.quality.discriminability import Floats
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

SHARED_BY = 3  # classes that may share a phrase: "four legs" is true of chair, table and dog
# MiniLM on the bundled packs: from 0.88 pairs say the same ("notes and magnets stuck on its front",
# "magnets, notes and photos stuck on the front"), at 0.85 they no longer do ("one pillow centred
# at the head", "two pillows side by side at the head")
NEAR_COSINE = 0.87
# Standard deviations by which a class's own phrases must be nearer to its meaning than those of
# other classes are. Of 332 bundled classes one has less, and most have with their lists swapped.
SENSE_MARGIN = 0.5
_FEWEST_OTHERS = 8  # classes, for a standard deviation worth the name
BY_VECTORS = ("near_duplicate", "truncated", "wrong_sense")  # rules that ask a text encoder
RULES = {
    "empty": "the class has no phrase but its name",
    "names_class": "a phrase holds the class's name or a synonym of it",
    "duplicate": "the class has the same phrase twice, but for case and punctuation",
    "near_duplicate": f"two phrases of the class have a cosine of {NEAR_COSINE:g} or more",
    "shared": f"more than {SHARED_BY} classes have the phrase",
    "not_visual": "smell, taste, sound, price, fame, use or habit, which no photo shows",
    "cut_off": "the phrase ends in a word that asks for another",
    "truncated": "the text encoder cut the phrase at its longest input",
    "contradictory": "two phrases about the same thing hold words that exclude each other",
    "not_english": "another script, or the small words of another language",
    "wrong_sense": "the phrases are hardly nearer to the class's meaning than those of others",
}
# Use, habit and standing, found in published sets (LaBo, CuPL, classify-by-description).
_USES = (
    "used for", "used to", "used by", "used in", "designed to", "designed for", "known for",
    "known as", "native to", "symbol of", "associated with",
)  # fmt: skip
_STANDING = frozenset((
    "endangered", "threatened", "beloved", "traditional", "traditionally", "nutritious", "healthy",
    "edible", "toxic", "poisonous", "nocturnal", "domesticated", "friendly", "popularly",
    "historically", "invented",
))  # fmt: skip
_UNFINISHED = frozenset((
    "a", "an", "the", "of", "and", "or", "with", "that", "which", "is", "are", "its", "their",
    "for", "to", "from",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Flag:
    """``reason`` is a key of ``RULES``."""

    reason: str
    class_name: str
    text: str = ""
    detail: str = ""


def own_phrases(phrases: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """Without the names: the class's own, and those of its subclasses."""
    return tuple(phrase for phrase in phrases if phrase.slot != NAME_SLOT)


def text_flags(
    vocabulary: Vocabulary, phrases: Mapping[str, Sequence[Phrase]], cut: Collection[str] = ()
) -> Iterator[Flag]:
    """What the texts alone show. ``cut``: texts that the encoder cut."""
    own = {entry.name: own_phrases(phrases.get(entry.name, ())) for entry in vocabulary.classes}
    owners = Counter(key for rows in own.values() for key in {folded(row.text) for row in rows})
    for entry in vocabulary.classes:
        name, rows = entry.name, own[entry.name]
        if not rows:
            yield Flag(reason="empty", class_name=name)
        finder = NameFinder([name, *entry.synonyms])
        seen: set[str] = set()
        for row in rows:
            for reason, detail in _of_one(row.text, finder):
                yield Flag(reason=reason, class_name=name, text=row.text, detail=detail)
            if row.text in cut:
                yield Flag(reason="truncated", class_name=name, text=row.text)
            key = folded(row.text)
            if key in seen:
                yield Flag(reason="duplicate", class_name=name, text=row.text)
            elif owners[key] > SHARED_BY:
                detail = f"by {owners[key]} classes"
                yield Flag(reason="shared", class_name=name, text=row.text, detail=detail)
            seen.add(key)
        yield from _contradictory(name, rows)
        latin = [row.text for row in rows if not is_other_script(row.text)]
        if not is_other_script(name) and is_other_language(latin):
            yield Flag(reason="not_english", class_name=name, detail="most of its phrases")


def near_duplicates(name: str, texts: Sequence[str], vectors: Floats) -> Iterator[Flag]:
    """Each phrase of one class that an earlier one says already. ``vectors`` are unit rows.

    An encoder hardly hears a changed number or direction (leading into, leading out of).
    """
    for later in range(1, len(texts)):
        cosines = vectors[:later] @ vectors[later]
        earlier = int(cosines.argmax())
        same = folded(texts[earlier]) == folded(texts[later])  # that is a duplicate
        if cosines[earlier] >= NEAR_COSINE and not same:
            detail = f"{cosines[earlier]:.2f} to {texts[earlier]}"
            yield Flag(reason="near_duplicate", class_name=name, text=texts[later], detail=detail)


def wrong_senses(
    names: Sequence[str], means: Floats, middle: Floats, meanings: Floats
) -> tuple[Flag, ...] | None:
    """Classes whose phrases seem to be about something else, or whose name the encoder misreads.

    None where too few classes have phrases to tell.

    Args:
        means, middle: as ``discriminability.class_means`` gives them; a zero row has no phrases.
        meanings: [C, D] unit vectors of ``look_alikes.meaning_text``.
    Cosines are taken after what all phrases, and all meanings, share is taken off, so that a
    meaning which is near to every phrase counts for none.
    """
    has_any = np.flatnonzero(np.any(means != 0, axis=1))
    if len(has_any) <= _FEWEST_OTHERS:
        return None
    flags = []
    about = _unit(means[has_any] - middle) @ _unit(meanings - meanings.mean(axis=0)).T
    for row, c in enumerate(has_any.tolist()):
        others = np.delete(about[:, c], row)
        if about[row, c] < others.mean() + SENSE_MARGIN * others.std():
            elsewhere = about[row].copy()
            elsewhere[c] = -np.inf
            nearest = int(elsewhere.argmax())
            own, other = about[row, c], elsewhere[nearest]
            detail = f"cosine {own:.2f} to itself, {other:.2f} to {names[nearest]}"
            flags.append(Flag(reason="wrong_sense", class_name=names[c], detail=detail))
    return tuple(flags)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Of one class. ``scenes`` of the ``plausible`` ones have phrases of their own."""

    phrases: int
    subclasses: int
    slots: tuple[str, ...]
    scenes: int
    plausible: int

    @property
    def missing_slots(self) -> tuple[str, ...]:
        """In the order of ``SLOTS``; none for a set that names no slots, as imported ones do."""
        return tuple(slot for slot in SLOTS if slot not in self.slots) if self.slots else ()


def coverage(
    vocabulary: Vocabulary, phrases: Mapping[str, Sequence[Phrase]]
) -> dict[str, Coverage]:
    """Which slots, scenes and subclasses each class has phrases of."""
    covered = {}
    for entry in vocabulary.classes:
        rows = own_phrases(phrases.get(entry.name, ()))
        slots = {row.slot for row in rows}
        covered[entry.name] = Coverage(
            phrases=len(rows),
            subclasses=len({row.owner for row in phrases.get(entry.name, ())} - {""}),
            slots=tuple(slot for slot in SLOTS if slot in slots),
            scenes=len({row.scene for row in rows} - {ANY_SCENE}),
            plausible=sum(entry.name in names for names in vocabulary.scenes.values()),
        )
    return covered


def _of_one(text: str, finder: NameFinder) -> Iterator[tuple[str, str]]:
    spoken_words = words(text)
    if finder.is_in(text):
        yield "names_class", ""
    spoken = f" {' '.join(spoken_words)} "
    unseen = [use for use in _USES if f" {use} " in spoken]
    unseen += [word for word in spoken_words if word in _STANDING or _is_not_visual(word)]
    if unseen:
        yield "not_visual", unseen[0]
    if spoken_words and spoken_words[-1] in _UNFINISHED:
        yield "cut_off", f"ends in {spoken_words[-1]}"
    if is_other_script(text):
        yield "not_english", "another script"


@lru_cache(maxsize=65536)
def _is_not_visual(word: str) -> bool:
    """As the parser judges it, one word at a time, so that no other fault comes before this."""
    return phrase_verdict(f"so {word}") == "not_visual"


def _contradictory(name: str, rows: Sequence[Phrase]) -> Iterator[Flag]:
    about: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        about[row.owner, row.scene, row.slot].append(row.text)
    for (_, _, slot), texts in about.items():
        for first, second, one, other in contradictions(slot, texts):
            detail = f"{other}, but {one} in {first}"
            yield Flag(reason="contradictory", class_name=name, text=second, detail=detail)


def _unit(rows: NDArray[np.float32]) -> Floats:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Floats = rows / np.maximum(lengths, 1e-12)
    return unit
