"""What is wrong with the banks of a store and with the indexes of control arms.

In:  the folder of a store.
Out: what is damaged, a path and an error each; notes, which nobody need mind; and garbage, which a
     collection removes.

Nobody holds the store's lock while a bank is written. Its header goes last, so arrays without one
are a write under way only while its temporary file is there, or for a moment between the two.
Arrays that a header does not name harm nobody.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langseg.cache.bank.arms_index import INDEXES, read_index
from langseg.cache.bank.array_files import HEADER, array_files, unread_arrays
from langseg.cache.bank.load_save import load_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.errors import CorruptError, Remedy

BANKS = "banks"
BANK_S = 3600  # an unfinished write that is older is nobody's
_HEADER_S = 2.0  # from the arrays' name to the header's temporary file: a few fsyncs

Problem = tuple[Path, CorruptError]


def bank_problems(root: Path) -> list[Problem]:
    """The folder of each damaged bank, and what is wrong with it."""
    problems: list[Problem] = []
    for folder in _folders(root):
        try:
            if (folder / HEADER).exists():
                check_bank(load_bank(folder))
            elif not is_under_way(folder) and not (folder / HEADER).exists():
                problems.append((folder, _headless(folder)))
        except CorruptError as exc:
            problems.append((folder, exc))
    return [
        (folder, error) for folder, error in problems if folder.is_dir()
    ]  # else `gc` came between


def index_problems(root: Path) -> list[Problem]:
    """Each index that is damaged, or that lists a bank which is not there."""
    problems: list[Problem] = []
    for path, index in _indexes(root):
        if isinstance(index, CorruptError):
            problems.append((path, index))
            continue
        arms = index["arms"]
        gone = [arm for arm in arms if not (path.parent / arm["fingerprint"] / HEADER).exists()]
        if gone:
            problems.append((path, _incomplete(path, arms, gone)))
    return problems


def bank_notes(root: Path) -> list[str]:
    """Banks that are being written or were not written to their end."""
    return [
        f"{folder}: somebody is writing this bank, or was cut off less than an hour ago"
        for folder in _folders(root)
        if not (folder / HEADER).exists() and is_under_way(folder)
    ]


def bank_garbage(root: Path) -> list[str]:
    """Arrays that their bank does not name, and control arms that no index lists."""
    garbage = [
        f"{path}: its bank does not name it, as it is being written or was cut off; after an hour "
        "it is nobody's"
        for folder in _folders(root)
        for path in unread_arrays(folder)
    ]
    loose = loose_arms(root)
    if loose:
        garbage.append(
            f"{root / BANKS}: {len(loose)} control arms in no {INDEXES}, such as {loose[0].name}: "
            "arms were made again with fewer, or their making was cut off"
        )
    return garbage


def loose_arms(root: Path) -> list[Path]:
    """The folders of control arms that no index lists; none, while an index is damaged."""
    if index_problems(root):
        return []
    listed = listed_vocabularies(root)
    return [folder for folder in _folders(root) if folder.name not in listed and _is_arm(folder)]


def listed_vocabularies(root: Path) -> dict[str, str]:
    """Fingerprint of each bank that an index lists -> its vocabulary."""
    return {
        arm["fingerprint"]: index["vocabulary"]
        for _, index in _indexes(root)
        if not isinstance(index, CorruptError)
        for arm in index["arms"]
    }


def is_under_way(folder: Path) -> bool:
    """Whether somebody may be writing the bank of a folder; it waits for a header just due."""
    due = max(map(_modified, array_files(folder)), default=0.0) + _HEADER_S
    while True:
        young = time.time() - BANK_S
        if any(_modified(path) > young for path in folder.glob(".bank*.tmp")):
            return True
        if (folder / HEADER).exists() or not 0 < due - time.time() <= _HEADER_S:
            return False
        time.sleep(0.1)


def _headless(folder: Path) -> CorruptError:
    return CorruptError(
        f"{folder}: wanted {HEADER} beside its arrays, got no such file", Remedy.BUILD_BANK
    )


def _incomplete(path: Path, arms: list[Any], gone: list[Any]) -> CorruptError:
    return CorruptError(
        f"{path}: wanted the banks of {len(arms)} arms, got {len(arms) - len(gone)}: that of "
        f"{gone[0]['arm']}, {gone[0]['fingerprint']}, is not there",
        Remedy.MAKE_ARMS,
    )


def _folders(root: Path) -> list[Path]:
    """Where a bank is, or a part of one."""
    every = (folder for folder in (root / BANKS).glob("[!.]*") if folder.is_dir())
    return sorted(f for f in every if (f / HEADER).exists() or array_files(f))


def _indexes(root: Path) -> Iterator[tuple[Path, dict[str, Any] | CorruptError]]:
    for path in sorted((root / BANKS).glob(INDEXES)):
        try:
            yield path, read_index(path)
        except CorruptError as exc:
            yield path, exc


def _is_arm(folder: Path) -> bool:
    try:
        return load_bank(folder).recipe is not None
    except CorruptError:  # told as such
        return False


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
