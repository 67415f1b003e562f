"""Tell, without a model, that a text is not the English that was asked for.

In:  a phrase, or all phrases of one reply.
Out: whether it is in another script, or shows the small words of another language.

Phrases are short, so only what is certain counts: a reply of bare nouns in German passes, and
pays for it with useless vectors; an English reply must never be turned down.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from langseg.descriptors.phrases.names import words

_LEAST = 3  # different words that are not English, before a reply is turned down for them
# Function words and colours; none is also an English word (die, den, an, am, as, do, van, met)
_FOREIGN_WORDS = """
der das dem des ein eine einer eines einem einen und mit ohne auf aus oder von vom zur zum
über für durch wie sehr nicht ist weiss schwarz grün blau braun dunkle helle
le les une du et avec sans sur dans ou aux très ronde blanc blanche noir noire bleu
el los las una con sin sobre para del muy blanco negro rojo azul marrón
il gli di della delle dello nel nella sul sulla senza molto bianco bianca nero
uma com sem em ao dos mais preto branco vermelho
que más più
het een op aan zwart groen donker
"""
_ENGLISH_WORDS = """
the a an of with and on from at by its or to into across over like than through near above
below under along between around behind without one two three four
white black red green blue brown grey gray dark light pale
"""
_FOREIGN, _ENGLISH = frozenset(_FOREIGN_WORDS.split()), frozenset(_ENGLISH_WORDS.split())


def is_other_script(phrase: str) -> bool:
    """Whether letters that are not Latin stand in words, or for them.

    One letter by itself is English (``an Ω-shaped arch``); one inside a word is a disguise
    (``shеlf`` with a Cyrillic е is not what a name is looked for by).
    """
    if phrase.isascii():
        return False
    found = words(phrase)
    strange = [word for word in found if not all(map(_is_latin, word))]
    return len(strange) * 2 > len(found) or any(len(word) > 1 for word in strange)


def is_other_language(phrases: Iterable[str]) -> bool:
    """Whether the Latin-script phrases of one reply are in another language, taken together.

    Its small words must be at least three different ones, in at least a third of the phrases,
    and more than the English ones; or more than half of the phrases hold letters with marks.
    """
    split = [words(phrase) for phrase in phrases]
    every = [word for found in split for word in found]
    marked = {word for word in every if not word.isascii()}
    if len(marked) >= _LEAST and _share(split, marked) > 1 / 2:
        return True
    foreign = _FOREIGN.intersection(every)
    n_foreign, n_english = sum(w in foreign for w in every), sum(w in _ENGLISH for w in every)
    return len(foreign) >= _LEAST and n_foreign > n_english and _share(split, foreign) >= 1 / 3


def _share(phrases: Sequence[Sequence[str]], some: Iterable[str]) -> float:
    """Of phrases with one of these words in it."""
    wanted = set(some)
    return sum(not wanted.isdisjoint(found) for found in phrases) / max(len(phrases), 1)


@lru_cache(maxsize=4096)
def _is_latin(char: str) -> bool:
    return not char.isalpha() or unicodedata.name(char, "").startswith("LATIN ")
