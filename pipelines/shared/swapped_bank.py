"""Make the TextBank by which a trained head is asked with other words.

In:  a person's words (names, a class list's file, the name of a vocabulary that ships), the bank
     that the head was trained with, a store.
Out: a bank of the same text encoder, of what the store holds of these words; and what a person
     must know of it.

It is a preparation: it may run the text encoder, whose vectors then are in the store, and asks no
LLM. The bank itself is not kept: nobody shall train on it unasked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.keys import text_id
from langseg.descriptors.vocabulary.load import shipped_vocabularies, vocabulary_of
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.progress import Advance

if TYPE_CHECKING:
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.stored_set import StoredSet
    from langseg.descriptors.encoders.base import EncoderRecord

_NAMED = 5  # classes that a sentence names


@dataclass(frozen=True, kw_only=True)
class SwappedBank:
    """``notes`` are sentences: what is asked with, what the words mean, what has no phrases."""

    bank: TextBank
    notes: tuple[str, ...]


def bank_for(
    words: str | Path | Sequence[str], trained: TextBank, store: Path, advance: Advance
) -> SwappedBank:
    """The bank of these words for the head that was trained with ``trained``.

    Args: words: see ``vocabulary_of``; trained: gives the text encoder, the scenes and the
        vocabulary that a word alone is looked for in first.

    Raises: InputError, where no store is and for a list that cannot be used; UsageError, where the
    text encoder of the head cannot be had.
    """
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.build import bank_texts, build_bank, class_phrases
    from langseg.descriptors.bank.word_meanings import meant

    asked = vocabulary_of(words)
    opened = Store.open(store)
    advance(0, 0, phase="looking the words up")
    vocabulary, notes = meant(asked, trained, opened)
    found = _widest(opened, vocabulary, trained.model)
    phrases = class_phrases(vocabulary, (), {}) if found is None else found.phrases()
    record, vectors = _embedded(opened, trained, bank_texts(vocabulary, phrases), advance)
    bank = build_bank(
        vocabulary,
        phrases,
        vectors,
        record,
        model="none" if found is None else found.selection.model,
        manifest=opened.manifest.name,
        askings=() if found is None else found.selection.askings,
    )
    names = tuple(entry.name for entry in asked.classes)
    bare = [name for name, own in zip(names, bank.texts, strict=True) if len(own) == 1]
    if asked.read_as:
        notes = (asked.read_as, *notes)
    if bare:
        notes = (*notes, _bare_note(bare, asked, store))
    bank = replace(bank, names=names)
    return SwappedBank(bank=bank, notes=(swap_words(bank, trained), *notes))


def swap_words(bank: TextBank, trained: TextBank) -> str:
    """``asked with 3 classes (sky, tree, car), trained on ade20k's 150``."""
    classes = f"{len(bank.names)} {'class' if len(bank.names) == 1 else 'classes'}"
    if bank.vocabulary in shipped_vocabularies():
        asked = f"{bank.vocabulary}'s {classes}"
    else:
        asked = f"{classes} ({_listed(bank.names)})"
    return f"asked with {asked}, trained on {trained.vocabulary}'s {len(trained.names)}"


def _bare_note(bare: Sequence[str], asked: Vocabulary, store: Path) -> str:
    told = f"{store} holds no phrases of {_listed(bare)}, only the names are asked with"
    if asked.name in shipped_vocabularies():
        return f"{told}; `langseg-desc generate --dataset {asked.name} --store {store}` writes some"
    return f"{told}; `langseg-desc generate --classes FILE --store {store}` has some written"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _widest(store: "Store", vocabulary: Vocabulary, model: str) -> "StoredSet | None":
    """The answers of the model that described the head's own words; of the one that describes
    most of these where it describes fewer."""
    from langseg.descriptors.bank.stored_set import StoredSets

    sets = StoredSets(store, vocabulary)
    found = []
    for name in (model, ""):
        try:
            found.append(sets.of(name))
        except InputError:  # it described none of these
            continue
    return max(found, key=lambda one: len(one.described()), default=None)


def _embedded(
    store: "Store", trained: TextBank, texts: Sequence[str], advance: Advance
) -> "tuple[EncoderRecord, Mapping[str, NDArray[np.float16]]]":
    """The vectors of some texts by the head's text encoder, which embeds what the store lacks."""
    from langseg.descriptors.encoders.base import EncoderRecord
    from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within
    from langseg.descriptors.encoders.load import encoder_name, stored_record
    from langseg.descriptors.encoders.stored_vectors import stored_vectors

    known = store.encoders()
    if trained.encoder_id not in known:
        raise UsageError(
            f"{store.path}: wanted vectors of {trained.encoder_id}, the text encoder that the "
            f"head was trained with, the store has those of {', '.join(known) or 'none'}; give "
            "the store that its bank was built in with --store, or run `langseg-desc encode` "
            "with that encoder in this one"
        )
    record = EncoderRecord(**known[trained.encoder_id])
    vectors = stored_vectors(store, record, texts)
    if missing := [text for text in texts if text_id(text) not in vectors]:
        name = encoder_name(record)
        if stored_record(name, known.values()) != record:
            raise UsageError(
                f"text encoder {name!r}: wanted the weights that the head was trained with "
                f"({record.encoder_id}), got others; bring those back"
            )
        texts_have = "1 text has" if len(missing) == 1 else f"{len(missing)} texts have"
        say(f"{texts_have} no vector yet: {name} embeds what is missing (no LLM is asked)")
        embed_missing(
            store,
            name,
            WantedTexts(len(missing), lambda id_range: texts_within(missing, id_range)),
            lambda phase, done, total, note: advance(done, total, note, phase),
        )
        vectors = stored_vectors(store, record, texts)
    return record, vectors
