"""Know names of things that are none of a vocabulary's classes, and make classes of them.

In:  a vocabulary, and what its classes' subclasses are called.
Out: names that no picture of its classes should be given; the vocabulary with such classes more.

Vectors would not do: to MiniLM "monkey" is nearer to "banana" (0.63) than "tram" to "train" (0.42).
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files

import yaml

from langseg.descriptors.phrases.names import NameFinder, words
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary


def other_things(vocabulary: Vocabulary, subclasses: Collection[str]) -> tuple[str, ...]:
    """The names of ``other_things.yaml`` that are no other word for a class or a subclass, no
    broader one, no kind, part or look-alike, and that no class's definition gathers."""
    told = [entry.prompt_data for entry in vocabulary.classes]
    called = [text for data in told for text in (data["name"], *data["synonyms"])]
    said = [*called, *(data["definition"] for data in told)]
    own = NameFinder([*(entry.name for entry in vocabulary.classes), *called])
    own_kinds = NameFinder([*called, *(words(text)[-1] for text in called if words(text))])
    near = NameFinder([*subclasses, *vocabulary.hypernyms.values()])
    return tuple(
        name
        for name, kinds in _things().items()
        if not own.is_in(name)
        and not near.is_name(name)
        and not any(map(own_kinds.is_name, kinds))
        and not any(map(NameFinder([name]).is_in, said))
    )


def widened(vocabulary: Vocabulary, names: Iterable[str]) -> Vocabulary:
    """The vocabulary with a class more for each name that is none yet; their ids are beyond all
    that its label files hold."""
    known = {entry.name for entry in vocabulary.classes}
    last = max((*(entry.id for entry in vocabulary.classes), *vocabulary.ignore_ids))
    new = (name for name in names if name not in known)
    more = (ClassEntry(name=name, id=number) for number, name in enumerate(new, last + 1))
    return replace(vocabulary, classes=(*vocabulary.classes, *more))


@cache
def _things() -> dict[str, tuple[str, ...]]:
    """Name -> what it is a kind or part of, or may be taken for."""
    data = files("langseg.descriptors.controls").joinpath("other_things.yaml").read_text("utf-8")
    return {
        name: tuple(kind.strip() for kind in kinds.split(","))
        for kinds, names in yaml.safe_load(data).items()
        for name in names
    }
