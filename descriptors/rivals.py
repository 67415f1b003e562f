"""Find the classes that each class of a vocabulary is most easily confused with, by their names.

In:  a vocabulary, and unit vectors of what its classes are called.
Out: for each class its rivals; and the texts that stand for a class.
"""

import numpy as np
from numpy.typing import NDArray

from langseg.cache.keys import normalise_text
from langseg.descriptors.contrast import SYNONYM_COSINE, class_text
from langseg.descriptors.vocabulary import ClassEntry, Vocabulary

RIVALS = 5
_ROWS = 1024  # of the matrix of cosines at a time


def meaning_text(entry: ClassEntry) -> str:
    """The text whose vector stands for what a class means."""
    return f"{class_text(entry)}: {entry.definition}" if entry.definition else class_text(entry)


def class_texts(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every text that stands for a class here: by it rivals are found, or phrases looked for."""
    of_each = ((class_text(entry), meaning_text(entry)) for entry in vocabulary.classes)
    return tuple(dict.fromkeys(normalise_text(text) for pair in of_each for text in pair))


def find_rivals(
    vocabulary: Vocabulary, vectors: NDArray[np.float32], k: int = RIVALS
) -> list[NDArray[np.intp]]:
    """For each class the rows of its nearest others, nearest first, near-synonyms left out.

    Args:
        vectors: [C, D] unit vectors of ``contrast.class_text``.
    """
    own = [{n.casefold() for n in (e.name, *e.synonyms)} for e in vocabulary.classes]
    found = []
    for start in range(0, len(own), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T
        for row, line in enumerate(cosines, start):
            line[row] = 2.0
            line[line >= SYNONYM_COSINE] = -2.0
            few = min(k + 16, len(line))  # some of them may share a name
            near = np.argpartition(-line, few - 1)[:few]
            near = near[np.lexsort((near, -line[near]))]
            kept = [o for o in near if line[o] > -2.0 and not own[row] & own[o]]
            found.append(np.array(kept[:k], np.intp))
    return found
