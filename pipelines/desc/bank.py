"""Lay the descriptors and embeddings of a vocabulary out as a TextBank.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: the bank in the store; a report of what it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, text_id
from langseg.descriptors.vocabulary.source import EncodedSource, Source, source_flags
from langseg.pipelines.desc.cut_set import cut_set
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.shared.chosen_set import ChosenSet, chosen_set
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.percentages import share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langseg.cache.bank.text_bank import TextBank
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.stored_set import StoredSet
    from langseg.descriptors.encoders.base import EncoderRecord


_SHARES_TOLD = 4


class BankConfig(EncodedSource):
    """What `bank` takes."""

    drop_misleading: Path | None = Field(
        None,
        description="Leave out the phrases that pictures call misleading: the file of `audit "
        "--phrases`. A class keeps its name, and its best phrase.",
    )
    scene_text: list[str] | None = Field(
        None,
        description="A further scene in words of your own, for --scene of predict: 'a quiet street "
        "after rain'. Its phrases are those of the scenes that it reads as. May be given several "
        "times.",
    )

    @field_validator("scene_text")
    @classmethod
    def _usable(cls, texts: list[str] | None) -> list[str] | None:
        from langseg.descriptors.bank.scene_texts import scene_text_problem

        for text in texts or ():
            if problem := scene_text_problem(text):
                raise ValueError(problem)
        return texts


@dataclass(frozen=True, kw_only=True)
class BankReport:
    """The bank in folder ``bank``: ``descriptors`` of ``classes`` in ``scenes``, "*" not counted.

    ``set`` is what it is made of, ``set.changed`` how the bank before it differs; ``dropped`` of
    its phrases mislead, and are not in the bank. ``scene_texts``: of each scene in free text the
    bank's scenes that it reads as, with their shares, those above 1 %.
    """

    bank: Path
    fingerprint: str
    classes: int
    descriptors: int
    scenes: int
    dropped: int
    scene_texts: Mapping[str, Mapping[str, float]]
    set: ChosenSet
    sentence: str


def run_bank(
    source: Source,
    encoder_name: str,
    drop_misleading: Path | None = None,
    scene_texts: Sequence[str] = (),
) -> BankReport:
    """Build and save the TextBank of a vocabulary; the same content is the same folder.

    The text encoder runs for ``scene_texts`` that the store has no vector of, and for nothing else.
    Raises: InputError, for a file to drop by that ``audit`` did not write; as ``with_scene_texts``.
    """
    from langseg.cache.bank.load_save import save_bank

    chosen = open_sets(source).of(source.model)
    bank, dropped = _laid_out(chosen, source, encoder_name, drop_misleading)
    if scene_texts:
        from langseg.descriptors.bank.scene_texts import with_scene_texts

        vectors = _scene_vectors(chosen.store, source, encoder_name, scene_texts)
        bank = with_scene_texts(bank, vectors)
    found = chosen_set(chosen)
    folder = save_bank(bank, chosen.store.path / "banks")
    left_out = f", {dropped} that mislead left out" if drop_misleading else ""
    return BankReport(
        bank=folder,
        fingerprint=bank.fingerprint,
        classes=len(bank.names),
        descriptors=int(bank.mask.sum()),
        scenes=len(bank.scenes) - 1,
        dropped=dropped,
        scene_texts=bank.scene_texts,
        set=found,
        sentence=f"{chosen.vocabulary.name}: TextBank of {len(bank.names)} classes, "
        f"{int(bank.mask.sum())} phrases{left_out}, {found}",
    )


def scene_text_words(text: str, shares: Mapping[str, float]) -> str:
    """``scene 'a wet road': read as street 81 %, highway 12 %, no scene 5 %``."""
    from langseg.cache.records import ANY_SCENE

    parts = [
        f"{'no scene' if scene == ANY_SCENE else scene} {share(part)}"
        for scene, part in shares.items()
    ]
    return f"scene {text!r}: read as {', '.join(parts[:_SHARES_TOLD])}"


def _scene_vectors(
    store: "Store", source: Source, encoder_name: str, texts: Sequence[str]
) -> "dict[str, NDArray[np.float16]]":
    """text -> vector, from the store, which gets those that it lacks."""
    from langseg.descriptors.bank.scene_texts import embedded_text
    from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within
    from langseg.descriptors.encoders.stored_vectors import stored_vectors

    once = {text_id(text): normalise_text(text) for text in texts}
    said = {text: embedded_text(text) for text in once.values()}
    record = _record(source, store, encoder_name)
    vectors = stored_vectors(store, record, said.values())
    if len(vectors) < len(said):
        say(f"{encoder_name} embeds the scenes in free text, once (no LLM is asked)")
        embed_missing(
            store,
            encoder_name,
            WantedTexts(len(said), lambda id_range: texts_within(said.values(), id_range)),
            lambda *told: None,
        )
        vectors = stored_vectors(store, record, said.values())
    return {text: vectors[text_id(embedded)] for text, embedded in said.items()}


def bank_to_judge(source: EncodedSource) -> "TextBank":
    """The bank that ``run_bank`` would save of the set, not saved."""
    chosen = open_sets(source).of(source.model)
    return _laid_out(chosen, source, source.encoder, None)[0]


def _laid_out(
    chosen: "StoredSet", source: Source, encoder_name: str, drop: Path | None
) -> "tuple[TextBank, int]":
    """The bank, and how many phrases were left out."""
    from langseg.descriptors.bank.build import bank_texts, build_bank
    from langseg.descriptors.encoders.stored_vectors import stored_vectors

    store, vocabulary = chosen.store, chosen.vocabulary
    record = _record(source, store, encoder_name)
    cut = cut_set(chosen, drop)
    bank = build_bank(
        vocabulary,
        cut.phrases,
        stored_vectors(store, record, bank_texts(vocabulary, cut.phrases)),
        record,
        model=chosen.selection.model,
        manifest=store.manifest.name,
        askings=cut.askings,
        flags=source_flags(source, encoder_name),
    )
    return bank, cut.dropped


def _record(source: Source, store: "Store", encoder_name: str) -> "EncoderRecord":
    """The record of an encoder the store holds vectors of; the encoder itself is not loaded."""
    from langseg.descriptors.encoders.load import record_to_read

    known = store.encoders()
    record = record_to_read(encoder_name, known.values())
    if record is None:
        names = ["minilm", *(str(one["model"]) for one in known.values())]
        close = get_close_matches(encoder_name, [n for n in names if n != encoder_name], n=1)
        hint = f"did you mean {close[0]}? Else " if close else ""
        raise InputError(
            f"{store.path}: wanted embeddings of {encoder_name!r} with the weights it has now, "
            f"the store has those of {', '.join(known) or 'none'}; "
            f"{hint}run `langseg-desc encode{source_flags(source, encoder_name)}`"
        )
    return record
