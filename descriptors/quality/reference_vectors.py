"""Give what the phrases of a vocabulary are measured by: vectors of what its classes are called.

In:  a vocabulary, and the stored vectors of a text encoder.
Out: for each class the vectors of its name and of its meaning, and the rows of its look-alikes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.encoders.stored_vectors import StoredVectors
from langseg.descriptors.prompts.contrast import class_text
from langseg.descriptors.quality.rivals import find_rivals, meaning_text
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Unit vectors [C, D] of ``contrast.class_text`` and ``rivals.meaning_text``; ``rivals`` [C]
    are rows, as ``find_rivals`` has them.

    It comes from the vocabulary and the encoder alone, so that it is one for every set.
    """

    names: NDArray[np.float32]
    meanings: NDArray[np.float32]
    rivals: list[NDArray[np.intp]]


def yardstick(stored: StoredVectors, vocabulary: Vocabulary) -> Yardstick:
    """Raises: LangSegError, when a text is not in the store and the encoder cannot be loaded."""
    entries = vocabulary.classes
    texts = [class_text(entry) for entry in entries] + [meaning_text(entry) for entry in entries]
    vectors = stored.vectors_of(texts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names, meanings = vectors[: len(entries)], vectors[len(entries) :]
    return Yardstick(names, meanings, find_rivals(vocabulary, names))
