"""The files of a bank's folder: its header, the array file that the header names, and leftovers.

In:  the folder of a bank.
Out: which files are the bank, and which a write that was cut off has left.

An array file is never written over: other bytes have another name, and the header, which is
replaced last, says which one is the bank's.
"""

import json
from pathlib import Path

HEADER = "bank.json"


def array_files(folder: Path) -> list[Path]:
    """The array file of a bank, and those that unfinished writes have left beside it."""
    return sorted(folder.glob("bank-*.safetensors"))


def unread_arrays(folder: Path) -> list[Path]:
    """The array files that the header does not name: of a write cut off, or one under way."""
    named = named_arrays(folder)
    return [path for path in array_files(folder) if named is not None and path.name != named]


def named_arrays(folder: Path) -> str | None:
    """The array file that the header names, if there is a header that tells."""
    try:
        return str(json.loads((folder / HEADER).read_bytes())["file"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
