"""Judge the phrases of one vocabulary: flags, coverage, discriminability, likeness of classes.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: a ``Quality`` of the set that the source names, and of each other set of the vocabulary.

Where the vectors of the classes' names cannot be had, everything that needs none is answered all
the same. Nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langseg.cache.errors import LangSegError
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.bank.stored_set import StoredSet
from langseg.descriptors.encoders.stored_vectors import StoredVectors, open_vectors
from langseg.descriptors.quality.reference_vectors import Yardstick, yardstick
from langseg.descriptors.vocabulary.source import EncodedSource, source_flags
from langseg.pipelines.desc.open_sets import open_sets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langseg.descriptors.bank.build import Phrase
    from langseg.descriptors.quality.discriminability import Discriminability, Phrases
    from langseg.descriptors.quality.flags import Coverage, Flag


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """What was found. ``measured`` is None, and ``why_not`` says why, without vectors.

    ``by_meaning`` [C] is ``measured.by_name`` with the definitions added to the names; None where
    the vocabulary defines nothing.

    ``likeness`` [C, C]: cosines of the means of the classes' phrases after what all of them
    share is taken off; None without vectors. ``fit`` are the phrases that are measured: bound to
    no scene, as no imported set has scenes, and ``masked`` of them without the class's name that
    they hold. ``rivals`` are the rows that each class is tried against, ``unmeasured`` the rules
    of ``quality.RULES`` that could not be looked at.
    """

    chosen: StoredSet
    phrases: "Mapping[str, Sequence[Phrase]]"
    flags: "tuple[Flag, ...]"
    coverage: "Mapping[str, Coverage]"
    encoder_id: str = ""
    measured: "Discriminability | None" = None
    by_meaning: "NDArray[np.float32] | None" = None
    likeness: "NDArray[np.float32] | None" = None
    fit: "Phrases | None" = None
    rivals: "Sequence[NDArray[np.intp]]" = ()
    masked: int = 0
    unmeasured: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.chosen.vocabulary.classes)

    @property
    def model(self) -> str:
        return self.chosen.selection.model


class Judge:
    """Judges every set of a vocabulary by one yardstick; ``chosen`` is the one the source names.

    Raises: InputError, when the store has no accepted answer for the vocabulary.
    """

    def __init__(self, source: EncodedSource, chosen: StoredSet | None = None) -> None:
        self._source = source
        self._sets = open_sets(source)
        self.chosen = self._sets.of(source.model) if chosen is None else chosen
        self._stored = open_vectors(self.chosen.store, source.encoder)
        self.yardstick: Yardstick | None = None
        self._why_not = ""
        if self._stored is not None:
            vocabulary = self.chosen.vocabulary
            try:
                self.yardstick = yardstick(self._stored, vocabulary)
            except LangSegError as exc:
                self._why_not = str(exc)

    def named(self) -> Quality:
        """The set that the source names."""
        return self._judged(self.chosen)

    def others(self) -> Iterator[Quality]:
        """The sets of the store's other models for the same classes and scenes, by model."""
        return map(self._judged, self._sets.others(self.chosen))

    def _judged(self, chosen: StoredSet) -> Quality:
        from langseg.descriptors.quality.flags import BY_VECTORS, coverage, text_flags

        phrases, vocabulary = chosen.phrases(), chosen.vocabulary
        embedded = None if self._stored is None else _embedded(chosen, phrases, self._stored)
        # what a part of the phrases shows is no count of flags
        whole = None if embedded is None or embedded.missing else embedded
        flags = [*text_flags(vocabulary, phrases, () if whole is None else whole.cut)]
        flags += [] if whole is None else _near(chosen, whole)
        quality = Quality(
            chosen=chosen,
            phrases=phrases,
            flags=tuple(flags),
            coverage=coverage(vocabulary, phrases),
            unmeasured=BY_VECTORS if whole is None else ("wrong_sense",),
            why_not=self._lacking(embedded, chosen.selection.model),
        )
        if self._stored is None or embedded is None:
            return quality
        quality = replace(quality, encoder_id=self._stored.record.encoder_id)
        return _measured(quality, embedded, self._stored, self.yardstick)

    def _lacking(self, embedded: "_Embedded | None", model: str) -> str:
        named = self._source.model_copy(update={"model": model})
        flags = source_flags(named, self._source.encoder)
        encode = f"run `langseg-desc encode{flags}`"
        if embedded is None:
            return f"the store has no vectors of {self._source.encoder}; {encode}"
        if embedded.missing:
            noun = "phrase has" if embedded.missing == 1 else "phrases have"
            return f"{embedded.missing:,} {noun} no vector yet; {encode}"
        return self._why_not


@dataclass(frozen=True)
class _Embedded:
    """The phrases that have a vector, of any scene; ``generic`` are those of none, ``fit`` those
    that are measured as they are. ``masked`` is what is measured instead, by row."""

    texts: list[str]
    owners: "NDArray[np.intp]"
    vectors: "NDArray[np.float16]"
    generic: "NDArray[np.bool_]"
    fit: "NDArray[np.bool_]"
    masked: dict[int, str]
    cut: frozenset[str]
    missing: int


def _embedded(
    chosen: StoredSet, phrases: "Mapping[str, Sequence[Phrase]]", stored: StoredVectors
) -> _Embedded:
    """The vectors stay float16 and are gathered once: 768 bytes a phrase for MiniLM."""
    import numpy as np

    from langseg.descriptors.phrases.names import NameFinder
    from langseg.descriptors.quality.flags import own_phrases

    rows: list[tuple[str, int, bool, str | None]] = []  # text, class, generic, masked if named
    for row, entry in enumerate(chosen.vocabulary.classes):
        finder = NameFinder([entry.name, *entry.synonyms])
        for phrase in own_phrases(phrases[entry.name]):
            text = phrase.text
            masked = finder.masked(text) if finder.is_in(text) else None
            rows.append((text, row, phrase.scene == ANY_SCENE, masked))
    has, vectors, cut = stored.find([text for text, *_ in rows])
    kept = [row for row, there in zip(rows, has, strict=True) if there]
    return _Embedded(
        texts=[row[0] for row in kept],
        owners=np.array([row[1] for row in kept], np.intp),
        vectors=vectors,
        generic=np.array([row[2] for row in kept], np.bool_),
        fit=np.array([row[2] and row[3] is None for row in kept], np.bool_),
        masked={i: row[3] for i, row in enumerate(kept) if row[2] and row[3]},
        cut=frozenset(row[0] for row, was in zip(kept, cut, strict=True) if was),
        missing=int((~has).sum()),
    )


def _near(chosen: StoredSet, embedded: _Embedded) -> "list[Flag]":
    import numpy as np

    from langseg.descriptors.quality.flags import near_duplicates

    flags: list[Flag] = []
    for row, entry in enumerate(chosen.vocabulary.classes):
        mine = np.flatnonzero(embedded.owners == row)
        texts = [embedded.texts[i] for i in mine]
        flags += near_duplicates(entry.name, texts, embedded.vectors[mine].astype(np.float32))
    return flags


def _measured(
    judged: Quality, embedded: _Embedded, stored: StoredVectors, by: Yardstick | None
) -> Quality:
    import numpy as np

    from langseg.descriptors.quality.discriminability import class_means, measure, shares_found
    from langseg.descriptors.quality.flags import wrong_senses

    generic = embedded.generic
    means, middle = class_means(
        embedded.vectors[generic], embedded.owners[generic], len(judged.names)
    )
    centred = np.where(np.any(means != 0, axis=1, keepdims=True), means - middle, 0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    judged = replace(judged, likeness=centred @ centred.T)
    if by is None:
        return judged
    judged = _with_fit(judged, embedded, stored)
    assert judged.fit is not None
    vectors, owners = judged.fit
    measured = measure(vectors, owners, by.names, by.rivals)
    judged = replace(judged, measured=measured, rivals=by.rivals)
    if any(entry.definition for entry in judged.chosen.vocabulary.classes):
        by_meaning = shares_found(vectors, owners, by.meanings, by.rivals)
        judged = replace(judged, by_meaning=by_meaning)
    senses = None if embedded.missing else wrong_senses(judged.names, means, middle, by.meanings)
    if senses is None:
        return judged
    return replace(judged, flags=(*judged.flags, *senses), unmeasured=())


def _with_fit(judged: Quality, embedded: _Embedded, stored: StoredVectors) -> Quality:
    """The phrases that hold their class's name come masked, or not at all without an encoder."""
    import numpy as np

    fit = (embedded.vectors[embedded.fit], embedded.owners[embedded.fit])
    rows = list(embedded.masked)
    if not rows:
        return replace(judged, fit=fit)
    try:
        masked = stored.vectors_of(list(embedded.masked.values()))
    except LangSegError as exc:
        left_out = f"{len(rows)} phrases that hold their class's name are left out: {exc}"
        return replace(judged, fit=fit, why_not=judged.why_not or left_out)
    both = (np.concatenate([fit[0], masked]), np.concatenate([fit[1], embedded.owners[rows]]))
    return replace(judged, fit=both, masked=len(rows))
