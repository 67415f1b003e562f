"""Look where a file is to be written, before the work for it, and write a dataset folder.

In:  a path that a person gave; a card and the bytes of its data.
Out: the folder; or InputError, before anything that an export did not write is touched.
"""

import os
from pathlib import Path
from shutil import rmtree

from langseg.cache.errors import InputError
from langseg.cache.files import make_folder, sync_folder, temporary_beside, write_atomic
from langseg.descriptors.exchange.dataset_card import DATA_FILE, is_own_card

CARD = "README.md"


def check_file(out: Path, flag: str, such_as: str, or_else: str = "") -> None:
    """Folders that lack are no hindrance: who writes makes them.

    Args:
        such_as: a file that a folder is told to hold instead.
        or_else: what else can be done with a folder.
    Raises: InputError, where no file can be written.
    """
    if out.is_dir():
        raise InputError(
            f"{out}: wanted a file for {flag}, got a folder; name a file in it, such as "
            f"{out / such_as}{or_else}"
        )
    if out.exists() and not out.is_file():
        raise InputError(f"{out}: wanted a file for {flag}, got a device or a pipe; name a file")
    _check_parents(out, flag)


def check_folder(out: Path) -> None:
    """A folder is taken where it is new, empty but for hidden files (a fresh clone of a hub
    repository), or has the card of an earlier export, as that wrote it.

    Raises: InputError, for any other.
    """
    if not out.exists():
        _check_parents(out, "--out")
        return
    if not out.is_dir():
        raise InputError(
            f"{out}: wanted a folder for --format hf, got a file; give --out another name"
        )
    if not any(not path.name.startswith(".") for path in out.iterdir()):
        return
    card = out / CARD
    if not card.is_file():
        got = f"one with other files and no {CARD}"
    elif is_own_card(card.read_bytes()):
        return
    else:
        got = f"one whose {CARD} no export wrote, or that was changed since"
    raise InputError(
        f"{out}: wanted a new or empty folder, or an earlier export, got {got}; give --out a new "
        "folder, and take from it what you want"
    )


def write_dataset(out: Path, card: str, data: bytes) -> None:
    """A new folder appears whole. In one that is there the card and then the data are replaced,
    each whole, and nothing else is touched: cut off between them, it can be written again."""
    make_folder(out.parent)
    folder = out if out.exists() else temporary_beside(out)
    try:
        make_folder((folder / DATA_FILE).parent)
        write_atomic(folder / CARD, card.encode())
        write_atomic(folder / DATA_FILE, data)
        if folder != out:
            folder.rename(out)
            sync_folder(out.parent)
    finally:
        if folder != out:
            rmtree(folder, ignore_errors=True)


def _check_parents(out: Path, flag: str) -> None:
    nearest = next(parent for parent in out.absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise InputError(
            f"{out}: wanted a folder at {nearest}, got a file; give {flag} another name"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(
            f"{out}: wanted a folder to write in, got {nearest}, which may not be written; give "
            f"{flag} another place"
        )
