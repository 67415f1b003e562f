"""Lay the descriptors and embeddings of a vocabulary out as a TextBank.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: the bank in the store; a report of what it is.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import Source, source_flags
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.shared.chosen_set import ChosenSet, chosen_set

if TYPE_CHECKING:
    from langseg.cache.store.store import Store
    from langseg.descriptors.encoders.base import EncoderRecord


@dataclass(frozen=True, kw_only=True)
class BankReport:
    """The bank in folder ``bank``: ``descriptors`` of ``classes`` in ``scenes``, "*" not counted.

    ``set`` is what it is made of, ``set.changed`` how the bank before it differs.
    """

    bank: Path
    fingerprint: str
    classes: int
    descriptors: int
    scenes: int
    set: ChosenSet
    sentence: str


def run_bank(source: Source, encoder_name: str) -> BankReport:
    """Build and save the TextBank of a vocabulary; the same content is the same folder."""
    from langseg.cache.bank.load_save import save_bank
    from langseg.descriptors.bank.build import bank_texts, build_bank
    from langseg.descriptors.encoders.stored_vectors import stored_vectors

    chosen = open_sets(source).of(source.model)
    store, vocabulary, selection = chosen.store, chosen.vocabulary, chosen.selection
    record = _record(source, store, encoder_name)
    phrases = chosen.phrases()
    bank = build_bank(
        vocabulary,
        phrases,
        stored_vectors(store, record, bank_texts(vocabulary, phrases)),
        record,
        model=selection.model,
        manifest=store.manifest.name,
        askings=selection.askings,
        flags=source_flags(source, encoder_name),
    )
    found = chosen_set(chosen)
    folder = save_bank(bank, store.path / "banks")
    return BankReport(
        bank=folder,
        fingerprint=bank.fingerprint,
        classes=len(bank.names),
        descriptors=int(bank.mask.sum()),
        scenes=len(bank.scenes) - 1,
        set=found,
        sentence=f"{vocabulary.name}: TextBank of {len(bank.names)} classes, "
        f"{int(bank.mask.sum())} phrases, {found}",
    )


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
