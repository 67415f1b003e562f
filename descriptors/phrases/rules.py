"""The verdict on one phrase: it is kept, or dropped for one named reason.

In:  a text from an LLM, and the names it must not say.
Out: ``""`` or a reason; the one spelling in which an accepted text is kept.
"""

import re
import unicodedata
from functools import lru_cache

from langseg.cache.keys import normalise_text
from langseg.descriptors.phrases.characters import unseen_character
from langseg.descriptors.phrases.names import NameFinder, words
from langseg.descriptors.phrases.spoken import NAME_CHARS

PHRASE_CHARS = 80
MAX_WORDS = 12
_REMEMBERED_CHARS = 200
_PLAIN = str.maketrans("’‘“”–—\u2011\u00a0", "''\"\"--- ")
# What a page, a terminal, a table or a template would take for its own: tags, entities in numbers,
# brackets of markup, links; and a start that a spreadsheet runs or a list begins its items with.
# "<5 cm wide" and "#1 on the jersey" are none of it.
_MARKUP = re.compile(
    r"[\[\]{}\\|`^\ufffc\ufffd]|[<>](?!\s*\d)|&#|\*\*|://|www\.|^\s*[-+=@*•·]",
    re.IGNORECASE,
)
_WHITE_SPACE = str.maketrans("\t\n\r", "   ")
# what no photo shows; the like of each was found in published descriptor sets (LaBo, CuPL).
# Words that can also mean a look stay out: sound planks, noisy grain, loud stripes, sheet music.
_NOT_VISUAL = re.compile(
    r"smell(s|y|ing)?|odou?rs?|aroma(tic)?|scent(s|ed)?|fragran(t|ce)|stinky"
    r"|tast(e|es|y|ing)|flavou?rs?|delicious|sounds|silent|audible"
    r"|pric(ed|ey)|cheap|expensive|costly|affordable|popular|famous"
)


def phrase_verdict(text: str, *forbidden: NameFinder) -> str:
    """The first reason against a phrase, or ``""``."""
    if _is_hostile(text):
        return "hostile"
    phrase = cleaned(text)
    found = words(phrase)
    if len(found) < 2:
        return "too_short"
    if len(phrase) > PHRASE_CHARS or len(phrase.split()) > MAX_WORDS:
        return "too_long"
    if any(names.is_in(phrase) for names in forbidden):
        return "names_class"
    return "not_visual" if any(map(_NOT_VISUAL.fullmatch, found)) else ""


def subclass_verdict(name: str, class_name: NameFinder) -> str:
    """The first reason against a subclass's name, or ``""``.

    It may hold its class's name, or be a synonym of it (ADE20K: ``door, double door``), but it
    must not be the class's name and nothing else.
    """
    if _is_hostile(name):
        return "hostile"
    if not words(name):
        return "too_short"
    if len(name) > NAME_CHARS:
        return "too_long"
    return "names_class" if class_name.is_name(name) else ""


def cleaned(text: str) -> str:
    """One spelling: plain quotes and hyphens, single spaces, no full stop."""
    return _short_cleaned(text) if len(text) <= _REMEMBERED_CHARS else _cleaned(text)


@lru_cache(maxsize=256)  # each check of a phrase looks at its one spelling
def _short_cleaned(text: str) -> str:
    return _cleaned(text)


def _cleaned(text: str) -> str:
    return normalise_text(_plain(text)).rstrip(" .,;:")


def folded(text: str) -> str:
    """What two texts that say the same have in common: no case, no compatibility forms."""
    phrase = cleaned(text)
    return (phrase if phrase.isascii() else unicodedata.normalize("NFKC", phrase)).casefold()


def _is_hostile(text: str) -> bool:
    """Control, bidi or markup characters, a link, or a start that a spreadsheet would run."""
    plain = _plain(text)
    return bool(unseen_character(plain.translate(_WHITE_SPACE)) or _MARKUP.search(plain))


def _plain(text: str) -> str:
    return text if text.isascii() else text.translate(_PLAIN)
