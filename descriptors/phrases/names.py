"""Find a class's name inside a phrase.

In:  the names of a class (its name and synonyms), as a dataset has them.
Out: whether a phrase says one of them, or a name that a person hears in one (``spoken``): in the
     singular or the plural, in one word or in two, with accents or without; the phrase with another
     word in its place.

A phrase that holds the name would credit descriptors with what the name alone does (Does VLM
Classification Benefit from LLM Description Semantics?).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import product

from langseg.descriptors.phrases.spoken import heard

_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019](?:s\b|(?<=s.)(?!\w))", re.IGNORECASE)  # car's, cars'
_ACCENT = re.compile("[\u0300-\u036f]")  # of Latin, Greek, Cyrillic; others are letters' parts
_ARTICLE = re.compile(r"\b(?:an?|the)\s+$", re.IGNORECASE)
_OWNED = {"it": "its", "they": "their", "one": "one's", "ones": "ones'"}
_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "foot": "feet",
    "tooth": "teeth", "mouse": "mice", "goose": "geese", "gas": "gases",
}  # fmt: skip
_SIBILANTS = ("s", "x", "z", "ch", "sh", "o")
_VOWELS = ("", "a", "e", "i", "o", "u")  # "" where no letter comes before
_REMEMBERED_CHARS = 200
_SINGULAR = {plural: singular for singular, plural in _IRREGULAR.items()}


class NameFinder:
    """Every spelling of a class's names, ready to be looked for."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(one for name in names for one in heard(name)))
        self._joined = {"".join(spelling) for name in self._names for spelling in _spellings(name)}
        self._joined.discard("")
        self._longest = max(map(len, self._joined), default=0)

    def is_name(self, phrase: str) -> bool:
        """Whether the phrase is one of the names and nothing else."""
        return "".join(_bare_words(phrase)) in self._joined

    def is_in(self, phrase: str) -> bool:
        """Whether the phrase holds one of the names as whole words.

        Neighbouring words are also tried without what parts them: ``street light``,
        ``street-light`` and ``streetlights`` all hold ``streetlight``.
        """
        # this runs for each phrase of a run, and most hold no name: hence the plain loop, which
        # stops joining words as soon as no name is that long
        found, names, longest = _bare_words(phrase), self._joined, self._longest
        for start, first in enumerate(found, 1):
            if first in names:
                return True
            joined = first
            for word in found[start:]:
                joined += word
                if len(joined) > longest:
                    break
                if joined in names:
                    return True
        return False

    def masked(self, phrase: str) -> str:
        """The phrase with a pronoun for every name; ``""`` if nothing else is left.

        A name and the article before it become ``it``; a name without an article, in the middle
        of a phrase, ``one``, as in ``a red one``. A plural becomes ``they`` at the start and
        ``ones`` elsewhere, where it keeps its article; a possessive ``its``, ``their``, ``one's``
        or ``ones'``. What a name says of another noun (``car doors``) is not told from a name.
        """
        plain = unicodedata.normalize("NFKC", phrase)
        spans = [match.span() for match in _WORD.finditer(plain)]
        found = [_bare(plain[a:b].casefold()) for a, b in spans]
        # what is written so far, where in ``plain`` it ends, and how many words are not names'
        masked, end, left = "", 0, len(spans)
        for first, last in self._found(found):
            before = plain[end : spans[first][0]]
            bare = _ARTICLE.sub("", before)
            named, of_it = found[first : last + 1], spans[last - 1][1]
            # "car's" is the words "car" and "s", which joined spell a name, too: "cars"
            if self._is_owner(named) and _POSSESSIVE.match(plain, of_it):
                named, end = named[:-1], of_it
            else:
                end = spans[last][1]
            opens = not _WORD.search(masked + bare)
            if "".join(named) in self._plurals:
                pronoun = "they" if opens else "ones"
            else:
                pronoun = "it" if opens or bare != before else "one"
            if owned := _POSSESSIVE.match(plain, end):
                pronoun, end = _OWNED[pronoun], owned.end()
            masked += (before if pronoun.startswith("ones") else bare) + pronoun
            # an article that went with its name is no word that is left, either
            left -= sum(spans[first][0] <= start < end for start, _ in spans) + (bare != before)
        masked += plain[end:]
        # a name may only now be there, of words that a name stood between
        return masked if left and not self.is_in(masked) else ""

    @cached_property
    def _plurals(self) -> frozenset[str]:
        """The spellings of more than one; what is also spelt so in the singular is not."""
        of_one = (
            "".join(spelling)
            for name in self._names
            for spelling in _spellings(name)
            if not _is_plural(spelling, _bare_words(name))
        )
        return frozenset(self._joined.difference(of_one))

    def _is_owner(self, named: Sequence[str]) -> bool:
        """Whether the words may be a name and its possessive: ``car``, ``s``."""
        return len(named) > 1 and named[-1] == "s" and "".join(named[:-1]) in self._joined

    def _found(self, found: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The first and last word of each name among some words, the longest where several fit."""
        start = 0
        while start < len(found):
            joined, last = "", None
            for at in range(start, len(found)):
                joined += found[at]
                if len(joined) > self._longest:
                    break
                if joined in self._joined:
                    last = at
            if last is not None:
                yield start, last
            start = start + 1 if last is None else last + 1


def words(text: str) -> Sequence[str]:
    """Words without case, compatibility forms, hyphens and punctuation."""
    return _short_words(text) if len(text) <= _REMEMBERED_CHARS else _words(text)


@lru_cache(maxsize=256)  # a phrase is looked at for its class, its subclass and by itself
def _short_words(text: str) -> Sequence[str]:
    return _words(text)


def _words(text: str) -> Sequence[str]:
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return tuple(_WORD.findall(plain.casefold()))


def _bare_words(text: str) -> Sequence[str]:
    """Words without accents: a class ``café`` is a ``cafe``, too."""
    found = words(text)
    return found if text.isascii() else tuple(map(_bare, found))


def _bare(word: str) -> str:
    return word if word.isascii() else _ACCENT.sub("", unicodedata.normalize("NFD", word))


def _spellings(name: str) -> Iterable[tuple[str, ...]]:
    """The first and the last word vary: ``chests of drawers``, ``traffic lights``."""
    found = _bare_words(name)
    last = len(found) - 1
    return product(*(word_forms(w) if i in (0, last) else {w} for i, w in enumerate(found)))


def _is_plural(spelling: Sequence[str], name: Sequence[str]) -> bool:
    """By the word before ``of``, else by the last; ``glass``, and a ``bus``, ``gas`` or ``iris``
    that a name itself says, are no plurals, nor is what ends in a possessive (``barber's``)."""
    head = name.index("of") - 1 if "of" in name[1:] else -1
    word = spelling[head]
    if word in _SINGULAR or not word.endswith("s") or word.endswith("ss") or word == "s":
        return word in _SINGULAR
    return word != name[head] or word[-2:-1] not in ("a", "i", "u")


@lru_cache(maxsize=4096)
def word_forms(word: str) -> frozenset[str]:
    """A word, its plurals, and its singulars if it looks like a plural."""
    forms = {word, word + "s", _IRREGULAR.get(word, word), _SINGULAR.get(word, word)}
    if word.endswith(_SIBILANTS):
        forms.add(word + "es")
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        forms.add(word[:-1] + "ies")
    if word.endswith(("f", "fe")):
        forms.add(word.removesuffix("e")[:-1] + "ves")
    if word.endswith("ies") and word[-4:-3] not in _VOWELS:
        forms.add(word[:-3] + "y")
    if word.endswith("es") and word[:-2].endswith(_SIBILANTS):
        forms.add(word[:-2])
    if word.endswith("ves"):
        forms |= {word[:-3] + "f", word[:-3] + "fe"}
    if len(word) > 3 and word.endswith("s") and word[-2] not in "su":
        forms.add(word[:-1])
    return frozenset(forms)
