"""Find what the commands of stage two work with, and refuse what does not fit.

In:  folders that were given, or none; a Dataset; a device's name.
Out: a verified TextBank, a device, a trained Segmenter.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import torch

from langseg.cache.bank.array_files import HEADER
from langseg.cache.bank.load_save import load_bank, newest_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.counted import counted
from langseg.cache.errors import CorruptError, InputError, UsageError
from langseg.cache.user_cache import user_cache
from langseg.pipelines.seg.datasets import Dataset
from langseg.pipelines.seg.settings import AskedWords
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.swapped_bank import bank_for, swap_words
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import newest, own_bank


def bank_of(dataset: Dataset, given: Path | None, store: Path) -> TextBank:
    """The bank given, else the newest of the dataset's classes in the store.

    Raises: InputError, CorruptError.
    """
    name = dataset.vocabulary.name
    folder = given or newest_bank(store / "banks", name, _ids(dataset))
    folder = folder or newest_bank(store / "banks", name)
    if folder is None:
        raise InputError(
            f"{store}: wanted a TextBank of {name}, found none; make one with `langseg-desc "
            f"generate {dataset.words} --store {shlex.quote(str(store))}`, then encode and bank "
            "with the same flags, or give --bank"
        )
    bank = verified_bank(folder)
    check_ids(bank, dataset, f"train with what `langseg-desc bank {dataset.words}` builds")
    return bank


def verified_bank(folder: Path) -> TextBank:
    """A bank all of which is verified: damage ends a command before it starts, not on the way.

    Raises: InputError, where no folder is; CorruptError.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: wanted a TextBank's folder, found none; `langseg-desc bank` makes one "
            "and prints it"
        )
    within = [*folder.glob(f"*/{HEADER}"), *folder.glob(f"banks/*/{HEADER}")]
    if within and not (folder / HEADER).exists():
        newest_one = max(within, key=lambda header: header.stat().st_mtime_ns).parent
        raise InputError(
            f"{folder}: wanted a TextBank's own folder, got one that holds {len(within)} of them; "
            f"give --bank {shlex.quote(str(newest_one))}, which is the newest"
        )
    bank = load_bank(folder)
    check_bank(bank)
    return bank


def check_ids(bank: TextBank, dataset: Dataset, instead: str) -> None:
    """Labels are read by the bank's ids, so they must be the dataset's.

    Args: instead: what a person can do, for the message. Raises: InputError.
    """
    if dict(zip(bank.ids, bank.names, strict=True)) != _ids(dataset):
        raise InputError(
            f"bank of {bank.vocabulary}: wanted the ids and names of {dataset.vocabulary.name}, "
            f"whose labels are read with it, got others; {instead}"
        )


def _ids(dataset: Dataset) -> dict[int, str]:
    return {entry.id: entry.name for entry in dataset.vocabulary.classes}


def feature_folder(given: Path | None, gib: float) -> FeatureFolder:
    """The folder given, else ``features`` in the user's cache, with its bound."""
    return FeatureFolder(path=given or user_cache() / "features", max_bytes=int(gib * 2**30))


def device_for(name: str) -> str:
    """A device that works here; ``auto`` is a GPU where there is one, CUDA's or Apple's. Under
    torchrun a GPU of no number is this process's own, and one of a number is not for several.

    Raises: UsageError.
    """
    if name == "auto":
        found = [kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()]
        name = found[0] if found else "cpu"
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if here > 1 and name.startswith("cuda:"):
        raise UsageError(
            f"device {name!r}: wanted cuda, as torchrun began {here} processes here and each takes "
            "a GPU of its own, got one for all of them; give --device cuda"
        )
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name
    try:
        one = torch.ones(1, device=own)
        one.item()  # a meta tensor has no value
        return str(one.device)
    except (RuntimeError, AssertionError, ImportError) as exc:  # of torch built without it
        reason = str(exc).splitlines()[0].partition(". ")[0]  # some list all that torch has
        raise UsageError(
            f"device {name!r}: wanted one that works here, got {reason}; give auto or cpu"
        ) from exc


def trained_segmenter(asked: AskedWords, advance: Advance) -> Segmenter:
    """A checkpoint's model; says so where it is asked with other words than its own.

    Raises: UsageError, for both a bank and a vocabulary, and for one where a head reads no text;
    as ``load_checkpoint`` and ``bank_for``.
    """
    if asked.bank is not None and asked.vocabulary is not None:
        raise UsageError("words: wanted --bank or --vocabulary, got both")
    if asked.bank is not None and asked.bank.is_file():
        raise UsageError(
            f"--bank {asked.bank}: wanted a TextBank's folder, got a file; a class list is given "
            "with --vocabulary"
        )
    reading = asked.reading
    bank = verified_bank(asked.bank) if asked.bank else None
    advance(0, 0, phase="loading the model")
    device = device_for(asked.device)
    segmenter = Segmenter.load(
        asked.checkpoint, bank=bank, weights=asked.weights, device=device, reading=reading
    )
    if asked.vocabulary is not None:
        segmenter, notes = with_words(
            segmenter, segmenter.bank, asked.vocabulary, asked.store, advance
        )
        for note in notes:
            say(note)
        return segmenter
    state = segmenter.loaded.state
    if bank is not None and bank.fingerprint != state.bank_fingerprint:
        own = newest(asked.checkpoint).parent / state.bank_folder
        try:
            say(swap_words(bank, own_bank(own)))
        except CorruptError:  # it is not needed: another was given
            say(f"asked with {counted(len(bank.names), 'class')} of {bank.vocabulary}")
    return segmenter


def with_words(
    segmenter: Segmenter, trained: TextBank, words: str | Path | Sequence[str], store: Path,
    advance: Advance,
) -> tuple[Segmenter, tuple[str, ...]]:  # fmt: skip
    """The same head asked with other words, and what a person must know of them (``bank_for``).

    Args: trained: the bank that the head was trained with.
    Raises: UsageError, for a head that reads no words; as ``bank_for``.
    """
    if not segmenter.loaded.model.head.reads_text:
        raise UsageError(
            "this head reads no words and knows the classes that it was trained on: leave other "
            "words out, or train a head that reads them: `langseg-seg train --head dense`"
        )
    swapped = bank_for(words, trained, store, advance)
    return segmenter.with_bank(swapped.bank), swapped.notes
