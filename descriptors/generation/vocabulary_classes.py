"""Note in the store which vocabulary means what by a class.

In:  a vocabulary that is about to be asked about.
Out: a row for each of its classes that the store does not have yet.
"""

from langseg.cache.records import VocabularyClass, to_table
from langseg.cache.store.store import Store
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def note_classes(store: Store, vocabulary: Vocabulary) -> None:
    """Before the first question, so that answers of a run that dies have their vocabulary, too.

    Raises: as ``Store.writer``.
    """
    rows = [
        VocabularyClass(vocabulary=vocabulary.name, class_name=entry.name, sense=entry.sense)
        for entry in vocabulary.classes
    ]
    with store.writer() as writer:
        writer.commit({"classes": to_table(VocabularyClass, rows)})
