"""Open the sets of descriptors that the settings of a command are about.

In:  a ``Source``: which vocabulary, with which scenes, in which store.
Out: the sets that the store has of it, one by each model.
"""

from typing import TYPE_CHECKING

from langseg.descriptors.vocabulary.source import Source, source_flags

if TYPE_CHECKING:
    from langseg.descriptors.bank.stored_set import StoredSets


def open_sets(source: Source) -> "StoredSets":
    """The same settings give every command the same classes and the same plausible pairs.

    Raises: InputError, where no store is, and for a vocabulary or scenes that cannot be used.
    """
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.stored_set import StoredSets
    from langseg.pipelines.shared.annotated_scenes import known_scenes
    from langseg.pipelines.shared.source_vocabulary import source_vocabulary

    store = Store.open(source.store)
    vocabulary, unknown = known_scenes(source, source_vocabulary(source))
    flags = source_flags(source.model_copy(update={"model": ""}))
    return StoredSets(store, vocabulary, unknown, flags)
