"""Find a class's name inside a phrase.

In:  the names of a class (its name and synonyms).
Out: whether a phrase says one of them, in the singular or the plural, in one word or in two.

A phrase that holds the name would credit descriptors with what the name alone does (Does VLM
Classification Benefit from LLM Description Semantics?).
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import product

_WORD = re.compile(r"[^\W_]+")
_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "foot": "feet",
    "tooth": "teeth", "mouse": "mice", "goose": "geese", "gas": "gases",
}  # fmt: skip
_SINGULAR = {plural: singular for singular, plural in _IRREGULAR.items()}


class NameFinder:
    """Every spelling of a class's names, ready to be looked for."""

    def __init__(self, names: Iterable[str]) -> None:
        self._joined = {"".join(spelling) for name in names for spelling in _spellings(name)}
        self._joined.discard("")
        self._longest = max(map(len, self._joined), default=0)

    def is_name(self, phrase: str) -> bool:
        """Whether the phrase is one of the names and nothing else."""
        return "".join(words(phrase)) in self._joined

    def is_in(self, phrase: str) -> bool:
        """Whether the phrase holds one of the names as whole words.

        Neighbouring words are also tried without what parts them: ``street light``,
        ``street-light`` and ``streetlights`` all hold ``streetlight``.
        """
        found = words(phrase)
        for start in range(len(found)):
            joined = ""
            for word in found[start:]:
                joined += word
                if len(joined) > self._longest:
                    break
                if joined in self._joined:
                    return True
        return False


def words(text: str) -> list[str]:
    """Words without case, compatibility forms, hyphens and punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _spellings(name: str) -> Iterable[tuple[str, ...]]:
    """The first and the last word vary: ``chests of drawers``, ``traffic lights``."""
    found = words(name)
    last = len(found) - 1
    return product(*(_forms(w) if i in (0, last) else {w} for i, w in enumerate(found)))


def _forms(word: str) -> set[str]:
    """A word, its plurals, and its singulars if it looks like a plural."""
    forms = {word, word + "s", _IRREGULAR.get(word, word), _SINGULAR.get(word, word)}
    if re.search(r"(s|x|z|ch|sh|o)$", word):
        forms.add(word + "es")
    if re.search(r"[^aeiou]y$", word):
        forms.add(word[:-1] + "ies")
    if re.search(r"fe?$", word):
        forms.add(re.sub(r"fe?$", "ves", word))
    if re.search(r"[^aeiou]ies$", word):
        forms.add(word[:-3] + "y")
    if re.search(r"(s|x|z|ch|sh|o)es$", word):
        forms.add(word[:-2])
    if re.search(r"ves$", word):
        forms |= {word[:-3] + "f", word[:-3] + "fe"}
    if len(word) > 3 and re.search(r"[^su]s$", word):
        forms.add(word[:-1])
    return forms
