"""Lay the descriptors and embeddings of a vocabulary out as a TextBank.

In:  a ``Source`` and the name of a text encoder whose vectors the store holds.
Out: the bank in the store; what it is, as a JSON-able dict whose ``sentence`` says it in words.
"""

from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import Source, source_flags
from langseg.pipelines.desc.open_sets import open_sets

if TYPE_CHECKING:
    from langseg.cache.store.store import Store
    from langseg.descriptors.encoders.base import EncoderRecord


def run_bank(source: Source, encoder_name: str) -> dict[str, Any]:
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
        flags=source_flags(source, encoder_name),
    )
    folder = save_bank(bank, store.path / "banks")
    bare = ""
    if selection.unanswered:
        first = ", ".join(selection.unanswered[:5])
        bare = f"; {len(selection.unanswered)} classes have only their name ({first})"
    return {
        "bank": str(folder),
        "fingerprint": bank.fingerprint,
        "classes": len(bank.names),
        "descriptors": int(bank.mask.sum()),
        "scenes": len(bank.scenes) - 1,
        "only_names": list(selection.unanswered),
        "sentence": f"{vocabulary.name}: TextBank of {len(bank.names)} classes, "
        f"{int(bank.mask.sum())} phrases, {len(bank.scenes) - 1} scenes{bare}",
    }


def _record(source: Source, store: "Store", encoder_name: str) -> "EncoderRecord":
    """The record of an encoder the store holds vectors of; the encoder itself is not loaded."""
    from langseg.descriptors.encoders.load import record_to_read

    known = store.encoders()
    record = record_to_read(encoder_name, known.values())
    if record is None:
        raise InputError(
            f"{store.path}: wanted embeddings of {encoder_name!r} with the weights it has now, "
            f"the store has those of {', '.join(known) or 'none'}; "
            f"run `langseg-desc encode{source_flags(source, encoder_name)}`"
        )
    return record
