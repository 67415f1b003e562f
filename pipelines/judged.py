"""Judge the phrases of one vocabulary: flags, coverage, discriminability, likeness of classes.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: a ``Quality``. Nothing is written.

The encoder itself is loaded for the meanings of the classes only (a text or two each), and where
it cannot be, everything that needs no meaning is answered all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langseg.cache.errors import LangSegError, UsageError
from langseg.cache.keys import text_id
from langseg.cache.records import ANY_SCENE
from langseg.pipelines.chosen import Chosen, choose
from langseg.pipelines.config import EncodedSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langseg.descriptors.build_bank import Phrase
    from langseg.descriptors.discriminability import Discriminability
    from langseg.descriptors.quality import Coverage, Flag
    from langseg.descriptors.text_encoder import EncoderRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """What was found. ``measured`` is None, and ``why_not`` says why, without vectors.

    ``likeness`` [C, C]: cosines of the means of the classes' phrases after what all of them
    share is taken off; None without vectors.
    """

    chosen: Chosen
    phrases: "Mapping[str, Sequence[Phrase]]"
    flags: "tuple[Flag, ...]"
    coverage: "Mapping[str, Coverage]"
    encoder_id: str = ""
    measured: "Discriminability | None" = None
    likeness: "NDArray[np.float32] | None" = None
    why_not: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.chosen.vocabulary.classes)


@dataclass(frozen=True)
class _Embedded:
    """The phrases that have a vector, of any scene. ``fit`` are those that are measured: bound to
    no scene, as no imported set has scenes, and without their class's name."""

    texts: list[str]
    owners: "NDArray[np.intp]"
    vectors: "NDArray[np.float16]"
    generic: "NDArray[np.bool_]"
    fit: "NDArray[np.bool_]"
    cut: frozenset[str]
    missing: int


def judge_quality(source: EncodedSource) -> Quality:
    """Raises: InputError, when the store has no accepted answer for the vocabulary."""
    from langseg.descriptors.quality import coverage, text_flags

    chosen = choose(source)
    phrases = chosen.phrases()
    vocabulary = chosen.vocabulary
    covered = coverage(vocabulary, phrases)
    record = _record(chosen, source.encoder)
    if record is None:
        return Quality(
            chosen=chosen,
            phrases=phrases,
            flags=tuple(text_flags(vocabulary, phrases)),
            coverage=covered,
            why_not=f"the store has no vectors of {source.encoder}; run `langseg-desc encode`",
        )
    embedded = _embedded(chosen, phrases, record)
    flags = [*text_flags(vocabulary, phrases, embedded.cut), *_near(chosen, embedded)]
    return _measured(chosen, phrases, covered, flags, embedded, record, source.encoder)


def _record(chosen: Chosen, encoder_name: str) -> "EncoderRecord | None":
    from langseg.descriptors.text_encoder import EncoderRecord, full_name

    known = [EncoderRecord(**record) for record in chosen.store.encoders().values()]
    return next((one for one in known if one.model == full_name(encoder_name)), None)


def _embedded(
    chosen: Chosen, phrases: "Mapping[str, Sequence[Phrase]]", record: "EncoderRecord"
) -> _Embedded:
    """The vectors stay float16 and are gathered once: 768 bytes a phrase for MiniLM."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from langseg.descriptors.leaks import NameFinder
    from langseg.descriptors.quality import own_phrases

    rows: list[tuple[str, int, bool, bool]] = []  # text, class, generic, fit
    for row, entry in enumerate(chosen.vocabulary.classes):
        finder = NameFinder([entry.name, *entry.synonyms])
        for phrase in own_phrases(phrases[entry.name]):
            generic = phrase.scene == ANY_SCENE
            rows.append((phrase.text, row, generic, generic and not finder.is_in(phrase.text)))
    table = chosen.store.embeddings(record.encoder_id, ("text_id", "emb", "truncated"))
    wanted = pa.array([text_id(text) for text, *_ in rows], pa.string())
    at = pc.index_in(wanted, value_set=table["text_id"])
    has = at.is_valid().to_numpy(zero_copy_only=False)
    taken = table.take(at.drop_null()).combine_chunks()
    vectors = taken["emb"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    kept = [row for row, there in zip(rows, has, strict=True) if there]
    cut = (row[0] for row, was in zip(kept, taken["truncated"].to_pylist(), strict=True) if was)
    return _Embedded(
        texts=[row[0] for row in kept],
        owners=np.array([row[1] for row in kept], np.intp),
        vectors=vectors.reshape(-1, record.dim),
        generic=np.array([row[2] for row in kept], np.bool_),
        fit=np.array([row[3] for row in kept], np.bool_),
        cut=frozenset(cut),
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


def _measured(
    chosen: Chosen,
    phrases: "Mapping[str, Sequence[Phrase]]",
    covered: "Mapping[str, Coverage]",
    flags: "list[Flag]",
    embedded: _Embedded,
    record: "EncoderRecord",
    encoder_name: str,
) -> Quality:
    import numpy as np

    from langseg.descriptors.contrast import class_text
    from langseg.descriptors.discriminability import (
        class_means,
        find_rivals,
        meaning_text,
        measure,
    )
    from langseg.descriptors.quality import wrong_senses
    from langseg.descriptors.text_encoder import load_encoder

    entries = chosen.vocabulary.classes
    generic, fit = embedded.generic, embedded.fit
    means, middle = class_means(embedded.vectors[generic], embedded.owners[generic], len(entries))
    centred = np.where(np.any(means != 0, axis=1, keepdims=True), means - middle, 0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    measured, why_not = None, ""
    try:
        encoder = load_encoder(encoder_name)
        if encoder.record.encoder_id != record.encoder_id:
            raise UsageError(f"{encoder_name} is another than {record.encoder_id} of the store")
        vectors, _ = encoder.encode([class_text(entry) for entry in entries])
        meanings, _ = encoder.encode([meaning_text(entry) for entry in entries])
    except LangSegError as exc:
        why_not = str(exc)
    else:
        flags = [*flags, *wrong_senses([e.name for e in entries], means, middle, meanings)]
        rivals = find_rivals(chosen.vocabulary, vectors)
        measured = measure(embedded.vectors[fit], embedded.owners[fit], meanings, rivals)
    if embedded.missing:
        why_not = f"{embedded.missing} phrases have no vector yet; run `langseg-desc encode`"
    return Quality(
        chosen=chosen,
        phrases=phrases,
        flags=tuple(flags),
        coverage=covered,
        encoder_id=record.encoder_id,
        measured=measured,
        likeness=centred @ centred.T,
        why_not=why_not,
    )
