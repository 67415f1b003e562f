"""Find phrases of one class that cannot both be true of it.

In:  phrases that speak of the same thing: one class or subclass, one scene, one slot.
Out: pairs of phrases that hold two words which exclude each other.

A lexicon, so its limits are plain: it knows these words only, reads no negation, and cannot see
that two phrases speak of two ends of a thing. It says nothing where a phrase gives a choice
(``smooth or rough``), and, in slots that name parts, only where both words stand before the same
noun (``long legs``, ``short legs``). The bundled packs hold no pair that it finds.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from langseg.descriptors.phrases.names import words

# words that mean the same stand together; every word of one side excludes every word of the other
_OPPOSITES = (
    ("smooth", "rough coarse bumpy"),
    ("transparent", "opaque"),
    ("indoor indoors", "outdoor outdoors"),
    ("tall", "short low squat"),
    ("long", "short"),
    ("wide broad", "narrow"),
    ("thick", "thin"),
    ("matt matte dull", "glossy shiny"),
    ("soft", "hard"),
    ("rigid stiff", "flexible"),
    ("straight", "curved bent wavy"),
    ("wet", "dry"),
    ("solid", "hollow"),
    ("empty", "full"),
    ("raw", "cooked"),
    ("steamed", "fried"),
    ("huge large big", "tiny small"),
    ("round circular", "square rectangular triangular"),
)
_EXCLUDES: dict[str, set[str]] = {}
for _one, _other in _OPPOSITES:
    for _word in _one.split():
        _EXCLUDES.setdefault(_word, set()).update(_other.split())
    for _word in _other.split():
        _EXCLUDES.setdefault(_word, set()).update(_one.split())
_CHOICE = frozenset(("or", "either", "sometimes", "from", "varying"))
_OF_THE_WHOLE = frozenset(("texture", "material", "size", "context"))  # slots that name no part


def contradictions(slot: str, phrases: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yields: a phrase, a later one, and the word of each that excludes the other's."""
    split = [(phrase, words(phrase)) for phrase in phrases]
    able = [(p, found) for p, found in split if _CHOICE.isdisjoint(found)]
    for (one, first), (other, second) in combinations(able, 2):
        clash = next(_clashes(slot in _OF_THE_WHOLE, first, second), None)
        if clash is not None:
            yield one, other, *clash


def _clashes(whole: bool, first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[str, str]]:
    for i, word in enumerate(first):
        excluded = _EXCLUDES.get(word, set())
        for j, other in enumerate(second):
            if other in excluded and (whole or _next(first, i) == _next(second, j) != ""):
                yield word, other


def _next(found: Sequence[str], place: int) -> str:
    return found[place + 1] if place + 1 < len(found) else ""
