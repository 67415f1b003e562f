"""Embed the texts of a vocabulary's bank that the store has no vectors of.

In:  a ``Source`` and the name of a text encoder.
Out: embeddings in the store; a report of what was done.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langseg.descriptors.vocabulary.source import Source, source_flags
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.shared.chosen_set import ChosenSet, chosen_set
from langseg.pipelines.shared.progress import Advance

if TYPE_CHECKING:
    from langseg.cache.store.text_id_ranges import TextIdRange
    from langseg.descriptors.bank.stored_set import StoredSet
    from langseg.descriptors.encoders.embed import Texts, WantedTexts


@dataclass(frozen=True, kw_only=True)
class EncodeReport:
    """Of the ``texts`` that the bank of the ``set`` needs, how many were ``embedded`` now, and
    ``truncated`` (None where nobody tells). ``recovered`` had been embedded by a run that was cut
    off; ``tokens`` are what a server says it used."""

    encoder: str
    texts: int
    embedded: int
    recovered: int
    truncated: int | None
    tokens: int | None
    set: ChosenSet
    sentence: str


def run_encode(
    source: Source, encoder_name: str, advance: Advance, base_url: str = ""
) -> EncodeReport:
    """Embed what the vocabulary's bank needs and the store does not hold yet.

    ``base_url`` is that of a server, for an encoder that is one.
    """
    from langseg.descriptors.encoders.embed import embed_missing

    chosen = open_sets(source).of(source.model)
    done = embed_missing(
        chosen.store,
        encoder_name,
        wanted_texts(chosen),
        lambda phase, done, total, note: advance(done, total, note, phase),
        base_url,
    )
    record, truncated = done.record, done.truncated
    more = f", {truncated} of them cut at {record.max_tokens} tokens" if truncated else ""
    if done.recovered:
        more += f"; {done.recovered} recovered from a run that was cut off"
    if done.tokens:
        more += f"; {done.tokens:,} tokens used"
    found = chosen_set(chosen)
    return EncodeReport(
        encoder=record.encoder_id,
        texts=done.texts,
        embedded=done.embedded,
        recovered=done.recovered,
        truncated=truncated,
        tokens=done.tokens,
        set=found,
        sentence=f"{chosen.vocabulary.name}: {done.texts} texts, {done.embedded} newly embedded "
        f"by {record.encoder_id}{more}; {found}; "
        f"next: langseg-desc bank{source_flags(source, encoder_name)}",
    )


def wanted_texts(chosen: "StoredSet") -> "WantedTexts":
    """All that the bank of these answers says, and what an audit of it measures by."""
    from langseg.descriptors.bank.build import bank_texts, class_phrases
    from langseg.descriptors.encoders.embed import WantedTexts, texts_within
    from langseg.descriptors.quality.look_alikes import class_texts

    names = bank_texts(chosen.vocabulary, class_phrases(chosen.vocabulary, (), {}))
    own = tuple(dict.fromkeys((*names, *class_texts(chosen.vocabulary))))
    stored = sum(part.rows for part in chosen.store.manifest.tables.get("texts", ()))

    def within(id_range: "TextIdRange") -> "Texts":
        of_phrases: Texts = dict.fromkeys(chosen.text_ids(id_range))
        return of_phrases | texts_within(own, id_range)

    return WantedTexts(len(own) + stored, within)
