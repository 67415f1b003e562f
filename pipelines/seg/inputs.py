"""Find what the commands of stage two work with, and refuse what does not fit.

In:  folders that were given, or none; a dataset's name; a device's name.
Out: a verified TextBank, a dataset's folder, a device, a trained Segmenter.
"""

from pathlib import Path

import torch

from langseg.cache.bank.load_save import load_bank, newest_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.pipelines.shared.console import say
from langseg.segmenter.inference.segmenter import Segmenter


def bank_of(dataset: str, given: Path | None, store: Path) -> TextBank:
    """The bank given, else the dataset's newest in the store. Raises: InputError, CorruptError."""
    folder = given or newest_bank(store / "banks", dataset)
    if folder is None:
        raise InputError(
            f"{store}: wanted a TextBank of {dataset}, found none; make one with "
            f"`langseg-desc generate --dataset {dataset}`, then encode and bank, or give --bank"
        )
    bank = verified_bank(folder)
    check_ids(bank, dataset)
    return bank


def verified_bank(folder: Path) -> TextBank:
    """A bank all of which is verified: damage ends a command before it starts, not on the way."""
    bank = load_bank(folder)
    check_bank(bank)
    return bank


def check_ids(bank: TextBank, dataset: str) -> None:
    """Labels are read by the bank's ids, so they must be the dataset's."""
    vocabulary = load_vocabulary(dataset)
    wanted = {entry.id: entry.name for entry in vocabulary.classes}
    if dict(zip(bank.ids, bank.names, strict=True)) != wanted:
        raise InputError(
            f"bank of {bank.vocabulary}: wanted the ids and names of {dataset}, whose labels are "
            f"read with it, got others; build one with `langseg-desc bank --dataset {dataset}`"
        )


def dataset_folder(dataset: str, given: Path | None) -> Path:
    """The folder given, else ``data/<dataset>``. Raises: InputError, where there is none."""
    folder = given or Path("data") / dataset
    if not folder.is_dir():
        raise InputError(
            f"{folder}: wanted the folder of {dataset}, found none; give --data, or render a demo "
            "with `langseg-seg demo-data`"
        )
    return folder


def device_for(name: str) -> str:
    """A device that works here; ``auto`` is a GPU where there is one. Raises: UsageError."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return str(torch.empty(0, device=name).device)
    except (RuntimeError, AssertionError) as exc:  # AssertionError: torch without CUDA
        reason = str(exc).splitlines()[0]
        raise UsageError(
            f"device {name!r}: wanted one that works here, got {reason}; give auto or cpu"
        ) from exc


def trained_segmenter(
    checkpoint: Path, *, bank_folder: Path | None, device: str, short_side: int | None, mode: str
) -> Segmenter:
    """A checkpoint's model; says so where it is asked with another bank than its own."""
    bank = verified_bank(bank_folder) if bank_folder else None
    segmenter = Segmenter.load(
        checkpoint,
        bank=bank,
        device=device_for(device),
        short_side=short_side,
        mode=mode,
    )
    trained_on = segmenter.loaded.state.bank_fingerprint
    if bank is not None and bank.fingerprint != trained_on:
        say(f"bank swapped: trained on {trained_on[:12]}, asked with {bank.fingerprint[:12]}")
    return segmenter
