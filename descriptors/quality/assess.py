"""Assess the phrases of one vocabulary: flags, coverage, discriminability, likeness of classes.

In:  a ``Source``, the sets that its store has, and a text encoder whose vectors the store holds.
Out: a ``SetQuality`` of the set that the source names, and of each other set of the vocabulary.

Where the vectors of the classes' names cannot be had, everything that needs none is answered all
the same. Nothing is written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import LangSegError
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.bank.build import Phrase
from langseg.descriptors.bank.stored_set import StoredSet, StoredSets
from langseg.descriptors.encoders.stored_vectors import StoredVectors, open_vectors
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.quality.discriminability import (
    Discriminability,
    Floats,
    PhraseVectors,
    class_means,
    measure,
    shares_found,
)
from langseg.descriptors.quality.flags import (
    BY_VECTORS,
    Coverage,
    Flag,
    coverage,
    near_duplicates,
    own_phrases,
    text_flags,
    wrong_senses,
)
from langseg.descriptors.quality.reference_vectors import ReferenceVectors, reference_vectors
from langseg.descriptors.vocabulary.source import EncodedSource, source_flags


@dataclass(frozen=True, kw_only=True, eq=False)
class SetQuality:
    """What was found. ``measured`` is None, and ``why_not`` says why, without vectors.

    ``by_meaning`` [C] is ``measured.by_name`` with the definitions added to the names; None where
    the vocabulary defines nothing.

    ``likeness`` [C, C]: cosines of the means of the classes' phrases after what all of them
    share is taken off; None without vectors. ``fit`` are the phrases that are measured: bound to
    no scene, as no imported set has scenes, and ``masked`` of them without the class's name that
    they hold. ``look_alikes`` are the rows that each class is tried against, ``unmeasured`` the
    rules of ``flags.RULES`` that could not be looked at.
    """

    chosen: StoredSet
    phrases: Mapping[str, Sequence[Phrase]]
    flags: tuple[Flag, ...]
    coverage: Mapping[str, Coverage]
    encoder_id: str = ""
    measured: Discriminability | None = None
    by_meaning: Floats | None = None
    likeness: Floats | None = None
    fit: PhraseVectors | None = None
    look_alikes: Sequence[NDArray[np.intp]] = ()
    masked: int = 0
    unmeasured: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The vocabulary's classes, in order."""
        return tuple(entry.name for entry in self.chosen.vocabulary.classes)

    @property
    def model(self) -> str:
        """Who wrote the set."""
        return self.chosen.selection.model


class Assessor:
    """Measures every set of a vocabulary by the same vectors; ``chosen`` is the set that the
    source names. Vectors are looked for when the first set is assessed; ``in_words`` words an
    error that keeps them away.

    Raises: InputError, when the store has no accepted answer for the vocabulary.
    """

    def __init__(
        self,
        source: EncodedSource,
        sets: StoredSets,
        in_words: Callable[[LangSegError], str] = str,
    ) -> None:
        self._source, self._sets, self._in_words = source, sets, in_words
        self.chosen = sets.of(source.model)

    def named(self) -> SetQuality:
        """The set that the source names."""
        return self._assessed(self.chosen)

    def others(self) -> Iterator[SetQuality]:
        """The sets of the store's other models for the same classes and scenes, by model."""
        return map(self._assessed, self._sets.others(self.chosen))

    @property
    def reference(self) -> ReferenceVectors | None:
        """None where no vectors of what the classes are called can be had."""
        return self._reference_or_why_not[0]

    @cached_property
    def _stored(self) -> StoredVectors | None:
        return open_vectors(self.chosen.store, self._source.encoder)

    @property
    def _unknown_cuts(self) -> tuple[str, ...]:
        """The rule that cannot be looked at where a server does not tell what it cut."""
        knows = self._stored is None or self._stored.record.max_tokens is not None
        return () if knows else ("truncated",)

    @cached_property
    def _reference_or_why_not(self) -> tuple[ReferenceVectors | None, str]:
        if self._stored is None:
            return None, ""
        try:
            return reference_vectors(self._stored, self.chosen.vocabulary), ""
        except LangSegError as exc:
            return None, self._in_words(exc)

    def _assessed(self, chosen: StoredSet) -> SetQuality:
        phrases, vocabulary = chosen.phrases(), chosen.vocabulary
        embedded = None if self._stored is None else _embedded(chosen, phrases, self._stored)
        # what a part of the phrases shows is no count of flags
        whole = None if embedded is None or embedded.missing else embedded
        flags = [*text_flags(vocabulary, phrases, () if whole is None else whole.cut)]
        if whole is not None:
            flags += _near_duplicates(chosen, whole)
        quality = SetQuality(
            chosen=chosen,
            phrases=phrases,
            flags=tuple(flags),
            coverage=coverage(vocabulary, phrases),
            unmeasured=BY_VECTORS if whole is None else (*self._unknown_cuts, "wrong_sense"),
            why_not=self._lacking(embedded, chosen.selection.model),
        )
        if self._stored is None or embedded is None:
            return quality
        means, middle = embedded.class_means(len(quality.names))
        quality = replace(
            quality,
            encoder_id=self._stored.record.encoder_id,
            likeness=_likeness(means, middle),
        )
        if self.reference is None:
            return quality
        quality = self._measured(quality, embedded, self._stored, self.reference)
        if whole is None:
            return quality
        senses = wrong_senses(quality.names, means, middle, self.reference.meanings)
        if senses is None:
            return quality
        return replace(quality, flags=(*quality.flags, *senses), unmeasured=self._unknown_cuts)

    def _measured(
        self,
        quality: SetQuality,
        embedded: "_Embedded",
        stored: StoredVectors,
        reference: ReferenceVectors,
    ) -> SetQuality:
        quality = self._with_fit(quality, embedded, stored)
        assert quality.fit is not None
        vectors, owners = quality.fit
        quality = replace(
            quality,
            measured=measure(vectors, owners, reference.names, reference.look_alikes),
            look_alikes=reference.look_alikes,
        )
        if not any(entry.definition for entry in quality.chosen.vocabulary.classes):
            return quality
        by_meaning = shares_found(vectors, owners, reference.meanings, reference.look_alikes)
        return replace(quality, by_meaning=by_meaning)

    def _with_fit(
        self, quality: SetQuality, embedded: "_Embedded", stored: StoredVectors
    ) -> SetQuality:
        """Phrases that hold their class's name come masked, or not at all without an encoder."""
        fit = (embedded.vectors[embedded.fit], embedded.owners[embedded.fit])
        rows = list(embedded.masked)
        if not rows:
            return replace(quality, fit=fit)
        try:
            masked = stored.vectors_of(list(embedded.masked.values()))
        except LangSegError as exc:
            left_out = f"{len(rows)} phrases that hold their class's name are left out"
            why_not = f"{left_out}: {self._in_words(exc)}"
            return replace(quality, fit=fit, why_not=quality.why_not or why_not)
        both = (np.concatenate([fit[0], masked]), np.concatenate([fit[1], embedded.owners[rows]]))
        return replace(quality, fit=both, masked=len(rows))

    def _lacking(self, embedded: "_Embedded | None", model: str) -> str:
        named = self._source.model_copy(update={"model": model})
        encode = f"run `langseg-desc encode{source_flags(named, self._source.encoder)}`"
        if embedded is None:
            return f"the store has no vectors of {self._source.encoder}; {encode}"
        if embedded.missing:
            noun = "phrase has" if embedded.missing == 1 else "phrases have"
            return f"{embedded.missing:,} {noun} no vector yet; {encode}"
        return self._reference_or_why_not[1]


@dataclass(frozen=True)
class _Embedded:
    """The phrases that have a vector, of any scene; ``generic`` are those of none, ``fit`` those
    that are measured as they are. ``masked`` is what is measured instead, by row."""

    texts: list[str]
    owners: NDArray[np.intp]
    vectors: NDArray[np.float16]
    generic: NDArray[np.bool_]
    fit: NDArray[np.bool_]
    masked: dict[int, str]
    cut: frozenset[str]
    missing: int

    def class_means(self, classes: int) -> tuple[Floats, Floats]:
        """Of the phrases bound to no scene, as ``discriminability.class_means``."""
        return class_means(self.vectors[self.generic], self.owners[self.generic], classes)


def _embedded(
    chosen: StoredSet, phrases: Mapping[str, Sequence[Phrase]], stored: StoredVectors
) -> _Embedded:
    """The vectors stay float16 and are gathered once: 768 bytes a phrase for MiniLM."""
    every: list[tuple[str, int, bool, str | None]] = []  # text, class, generic, masked if named
    for row, entry in enumerate(chosen.vocabulary.classes):
        finder = NameFinder([entry.name, *entry.synonyms])
        for phrase in own_phrases(phrases[entry.name]):
            text = phrase.text
            masked = finder.masked(text) if finder.is_in(text) else None
            every.append((text, row, phrase.scene == ANY_SCENE, masked))
    has, vectors, cut = stored.find([text for text, *_ in every])
    rows = [row for row, there in zip(every, has, strict=True) if there]
    return _Embedded(
        texts=[row[0] for row in rows],
        owners=np.array([row[1] for row in rows], np.intp),
        vectors=vectors,
        generic=np.array([row[2] for row in rows], np.bool_),
        fit=np.array([row[2] and row[3] is None for row in rows], np.bool_),
        masked={i: row[3] for i, row in enumerate(rows) if row[2] and row[3]},
        cut=frozenset(row[0] for row, was_cut in zip(rows, cut, strict=True) if was_cut),
        missing=int((~has).sum()),
    )


def _near_duplicates(chosen: StoredSet, embedded: _Embedded) -> list[Flag]:
    flags: list[Flag] = []
    for row, entry in enumerate(chosen.vocabulary.classes):
        mine = np.flatnonzero(embedded.owners == row)
        texts = [embedded.texts[i] for i in mine]
        flags += near_duplicates(entry.name, texts, embedded.vectors[mine].astype(np.float32))
    return flags


def _likeness(means: Floats, middle: Floats) -> Floats:
    """[C, C]; a class without phrases is like none."""
    centred = np.where(np.any(means != 0, axis=1, keepdims=True), means - middle, 0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    likeness: Floats = centred @ centred.T
    return likeness
