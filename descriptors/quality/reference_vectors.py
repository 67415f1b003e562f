"""Give what the phrases of a vocabulary are measured by: vectors of what its classes are called.

In:  a vocabulary, and the stored vectors of a text encoder.
Out: for each class the vectors of its name and of its meaning, and the rows of its look-alikes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.encoders.stored_vectors import StoredVectors
from langseg.descriptors.prompts.contrast import class_text
from langseg.descriptors.quality.look_alikes import find_look_alikes, meaning_text
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class ReferenceVectors:
    """Unit vectors [C, D] of ``contrast.class_text`` and ``look_alikes.meaning_text``; the rows of
    each class's ``look_alikes`` [C], as ``find_look_alikes`` has them.

    It comes from the vocabulary and the encoder alone, so that it is one for every set.
    """

    names: NDArray[np.float32]
    meanings: NDArray[np.float32]
    look_alikes: list[NDArray[np.intp]]


def reference_vectors(stored: StoredVectors, vocabulary: Vocabulary) -> ReferenceVectors:
    """Raises: LangSegError, when a text is not in the store and the encoder cannot be loaded."""
    entries = vocabulary.classes
    texts = [class_text(entry) for entry in entries] + [meaning_text(entry) for entry in entries]
    vectors = stored.vectors_of(texts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names, meanings = vectors[: len(entries)], vectors[len(entries) :]
    return ReferenceVectors(names, meanings, find_look_alikes(vocabulary, names))
