"""The files of a bank's folder: its header, the array file that the header names, and leftovers.

In:  the folder of a bank.
Out: which files are the bank, and which a write that was cut off has left; and the error for a bank
     of an older format.

An array file is never written over: other bytes have another name, and the header, which is
replaced last, says which one is the bank's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError

BANK_FORMAT = 3
HEADER = "bank.json"
_OLD_ARRAYS = "bank.safetensors"  # of the formats before 3, whose headers do not name it


class OlderBankError(CorruptError):
    """A bank that an earlier LangSeg wrote, of which nothing is known to be wrong.

    ``manifest``: the snapshot that it was built from, as its header says; ``is_arm``: whether it
    is a control.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.manifest = str(header.get("manifest", ""))
        self.is_arm = "recipe" in header
        command = "arms" if self.is_arm else "bank"
        super().__init__(
            f"{path}: wanted TextBank format {BANK_FORMAT}, got {header['format']}, written in an "
            f"older format; build it anew with `langseg-desc {command}`"
        )


def array_files(folder: Path) -> list[Path]:
    """The array file of a bank, and those that unfinished writes have left beside it."""
    named = {*folder.glob("bank-*.safetensors"), folder / _OLD_ARRAYS}
    return sorted(path for path in named if path.exists())


def unread_arrays(folder: Path) -> list[Path]:
    """The array files that the header does not name: of a write cut off, or one under way."""
    named = named_arrays(folder)
    return [path for path in array_files(folder) if named is not None and path.name != named]


def named_arrays(folder: Path) -> str | None:
    """The array file that the header names, if there is a header that tells."""
    try:
        return str(json.loads((folder / HEADER).read_bytes()).get("file", _OLD_ARRAYS))
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
