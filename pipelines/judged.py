"""Judge the phrases of one vocabulary: flags, coverage, discriminability, likeness of classes.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: a ``Quality`` of the set that the source names, and of each other set of the vocabulary.

Where the meanings of the classes cannot be had, everything that needs none is answered all the
same. Nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langseg.cache.errors import InputError, LangSegError
from langseg.cache.records import ANY_SCENE
from langseg.pipelines.chosen import Chosen, choose
from langseg.pipelines.config import EncodedSource
from langseg.pipelines.yardstick import StoredVectors, Yardstick, open_vectors, yardstick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langseg.descriptors.build_bank import Phrase
    from langseg.descriptors.discriminability import Discriminability, Phrases
    from langseg.descriptors.quality import Coverage, Flag


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """What was found. ``measured`` is None, and ``why_not`` says why, without vectors.

    ``likeness`` [C, C]: cosines of the means of the classes' phrases after what all of them
    share is taken off; None without vectors. ``fit`` are the phrases that are measured: bound to
    no scene, as no imported set has scenes, and without their class's name.
    """

    chosen: Chosen
    phrases: "Mapping[str, Sequence[Phrase]]"
    flags: "tuple[Flag, ...]"
    coverage: "Mapping[str, Coverage]"
    encoder_id: str = ""
    measured: "Discriminability | None" = None
    likeness: "NDArray[np.float32] | None" = None
    fit: "Phrases | None" = None
    why_not: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.chosen.vocabulary.classes)

    @property
    def model(self) -> str:
        return self.chosen.selection.model


class Judge:
    """Judges every set of a vocabulary by one yardstick.

    Raises: InputError, when the store has no accepted answer for the vocabulary.
    """

    def __init__(self, source: EncodedSource) -> None:
        self._source = source
        self._chosen = choose(source)
        self._stored = open_vectors(self._chosen.store, source.encoder)
        self.yardstick: Yardstick | None = None
        self._why_not = ""
        if self._stored is not None:
            vocabulary = self._chosen.vocabulary
            try:
                self.yardstick = yardstick(self._stored, vocabulary, source.encoder)
            except LangSegError as exc:
                self._why_not = str(exc)

    def named(self) -> Quality:
        """The set that the source names."""
        return self._judged(self._chosen)

    def others(self) -> Iterator[Quality]:
        """The sets of the store's other models for the same classes and scenes, by model."""
        store, mine = self._chosen.store, self._chosen.selection.model
        models = set(store.table("requests", ("model",))["model"].to_pylist())
        for model in sorted(models - {mine}):
            try:
                other = choose(self._source.model_copy(update={"model": model}))
            except InputError:  # it answered for other vocabularies only
                continue
            yield self._judged(replace(other, vocabulary=self._chosen.vocabulary))

    def _judged(self, chosen: Chosen) -> Quality:
        from langseg.descriptors.quality import coverage, text_flags

        phrases, vocabulary = chosen.phrases(), chosen.vocabulary
        covered = coverage(vocabulary, phrases)
        encode = "run `langseg-desc encode`"
        if self._stored is None:
            return Quality(
                chosen=chosen,
                phrases=phrases,
                flags=tuple(text_flags(vocabulary, phrases)),
                coverage=covered,
                why_not=f"the store has no vectors of {self._source.encoder}; {encode}",
            )
        embedded = _embedded(chosen, phrases, self._stored)
        flags = [*text_flags(vocabulary, phrases, embedded.cut), *_near(chosen, embedded)]
        unsaid = f"phrases that have no vector yet: {embedded.missing}; {encode}"
        judged = Quality(
            chosen=chosen,
            phrases=phrases,
            flags=tuple(flags),
            coverage=covered,
            encoder_id=self._stored.record.encoder_id,
            fit=(embedded.vectors[embedded.fit], embedded.owners[embedded.fit]),
            why_not=unsaid if embedded.missing else self._why_not,
        )
        return _measured(judged, embedded, self.yardstick)


def judge_quality(source: EncodedSource) -> Quality:
    """Raises: InputError, when the store has no accepted answer for the vocabulary."""
    return Judge(source).named()


@dataclass(frozen=True)
class _Embedded:
    """The phrases that have a vector, of any scene; ``generic`` are those of none, ``fit`` those
    that are measured."""

    texts: list[str]
    owners: "NDArray[np.intp]"
    vectors: "NDArray[np.float16]"
    generic: "NDArray[np.bool_]"
    fit: "NDArray[np.bool_]"
    cut: frozenset[str]
    missing: int


def _embedded(
    chosen: Chosen, phrases: "Mapping[str, Sequence[Phrase]]", stored: StoredVectors
) -> _Embedded:
    """The vectors stay float16 and are gathered once: 768 bytes a phrase for MiniLM."""
    import numpy as np

    from langseg.descriptors.leaks import NameFinder
    from langseg.descriptors.quality import own_phrases

    rows: list[tuple[str, int, bool, bool]] = []  # text, class, generic, fit
    for row, entry in enumerate(chosen.vocabulary.classes):
        finder = NameFinder([entry.name, *entry.synonyms])
        for phrase in own_phrases(phrases[entry.name]):
            generic = phrase.scene == ANY_SCENE
            rows.append((phrase.text, row, generic, generic and not finder.is_in(phrase.text)))
    has, vectors, cut = stored.find([text for text, *_ in rows])
    kept = [row for row, there in zip(rows, has, strict=True) if there]
    return _Embedded(
        texts=[row[0] for row in kept],
        owners=np.array([row[1] for row in kept], np.intp),
        vectors=vectors,
        generic=np.array([row[2] for row in kept], np.bool_),
        fit=np.array([row[3] for row in kept], np.bool_),
        cut=frozenset(row[0] for row, was in zip(kept, cut, strict=True) if was),
        missing=int((~has).sum()),
    )


def _near(chosen: Chosen, embedded: _Embedded) -> "list[Flag]":
    import numpy as np

    from langseg.descriptors.quality import near_duplicates

    flags: list[Flag] = []
    for row, entry in enumerate(chosen.vocabulary.classes):
        mine = np.flatnonzero(embedded.owners == row)
        texts = [embedded.texts[i] for i in mine]
        flags += near_duplicates(entry.name, texts, embedded.vectors[mine].astype(np.float32))
    return flags


def _measured(judged: Quality, embedded: _Embedded, by: Yardstick | None) -> Quality:
    import numpy as np

    from langseg.descriptors.discriminability import class_means, measure
    from langseg.descriptors.quality import wrong_senses

    generic = embedded.generic
    means, middle = class_means(
        embedded.vectors[generic], embedded.owners[generic], len(judged.names)
    )
    centred = np.where(np.any(means != 0, axis=1, keepdims=True), means - middle, 0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    judged = replace(judged, likeness=centred @ centred.T)
    if by is None or judged.fit is None:
        return judged
    flags = (*judged.flags, *wrong_senses(judged.names, means, middle, by.meanings))
    return replace(judged, flags=flags, measured=measure(*judged.fit, by.meanings, by.rivals))
