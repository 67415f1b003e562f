"""Find the classes that each class of a vocabulary is most easily confused with.

In:  a vocabulary with the look-alikes it names, and unit vectors of what its classes are called.
Out: for each class its look-alikes; and the texts that stand for a class.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from langseg.cache.keys import normalise_text
from langseg.descriptors.prompts.contrast import SYNONYM_COSINE, class_text
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

LOOK_ALIKES = 5  # of each class; more only where its vocabulary names more
_ROWS = 1024  # of the matrix of cosines at a time


def meaning_text(entry: ClassEntry) -> str:
    """The text whose vector stands for what a class means."""
    definition = entry.prompt_data["definition"]
    return f"{class_text(entry)}: {definition}" if definition else class_text(entry)


def class_texts(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every text that stands for a class here: look-alikes are found by it, or phrases."""
    of_each = ((class_text(entry), meaning_text(entry)) for entry in vocabulary.classes)
    return tuple(dict.fromkeys(normalise_text(text) for pair in of_each for text in pair))


def find_look_alikes(
    vocabulary: Vocabulary, vectors: NDArray[np.float32], k: int = LOOK_ALIKES
) -> list[NDArray[np.intp]]:
    """For each class the rows of the look-alikes that the vocabulary names, then of its nearest.

    There are ``k``, so that chance is one for all; a class with more named look-alikes than that
    has all of them, as these are always look-alikes. The nearest come by the likeness of the names,
    near-synonyms left out.

    Args:
        vectors: [C, D] unit vectors of ``contrast.class_text``.
    """
    own = [{n.casefold() for n in (e.name, *e.synonyms)} for e in vocabulary.classes]
    rows = {entry.name: row for row, entry in enumerate(vocabulary.classes)}
    look_alikes = []
    for start in range(0, len(own), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T
        for row, line in enumerate(cosines, start):
            named = _named(vocabulary, rows, row)
            line[[row, *named]] = -2.0
            line[line >= SYNONYM_COSINE] = -2.0
            few = min(k + 16, len(line))  # some of them may share a name
            near = np.argpartition(-line, few - 1)[:few]
            near = near[np.lexsort((near, -line[near]))]
            nearest = [o for o in near if line[o] > -2.0 and not own[row] & own[o]]
            look_alikes.append(np.array([*named, *nearest[: max(k - len(named), 0)]], np.intp))
    return look_alikes


def _named(vocabulary: Vocabulary, rows: Mapping[str, int], row: int) -> list[int]:
    entry = vocabulary.classes[row]
    return [rows[name] for name in vocabulary.look_alikes.get(entry.name, ())]
