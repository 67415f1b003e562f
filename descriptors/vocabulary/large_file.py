"""Find the categories in a COCO annotation file of hundreds of megabytes, without reading it whole.

In:  the path of a JSON file.
Out: a small COCO document with the categories alone.

The file is searched in pieces for ``"categories": [``, and from there on parsed for as long as the
list lasts: memory is that of a piece and the list, time that of reading the file once.
"""

import json
import re
from pathlib import Path

from langseg.cache.errors import InputError

MAX_BYTES = 4 * 2**30
_PIECE = 8 * 2**20
_MAX_LIST_BYTES = 16 * 2**20  # of Objects365's 365 categories: 25 kB
_START = re.compile(rb'"categories"\s*:\s*(?=\[)')
_OVERLAP = 64  # bytes that the start may be parted by where two pieces meet


def categories_of(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """``{"categories": [...]}`` of a file, as bytes of JSON.

    Raises: InputError, for a file larger than ``max_bytes``, without such a list, or with several
    that differ; OSError, for one that cannot be read.
    """
    size = path.stat().st_size
    cut = f"jq '{{categories}}' {path.name} > categories.json"
    if size > max_bytes:
        raise InputError(
            f"{path}: wanted a class list of at most {max_bytes:,} bytes, got {size:,}; cut its "
            f"categories out: {cut}"
        )
    found: list[object] = []
    with path.open("rb") as file:
        for start in _starts(path):
            file.seek(start)
            text = file.read(_MAX_LIST_BYTES).decode("utf-8", "replace")
            try:
                value, _ = json.JSONDecoder().raw_decode(text)
            except (ValueError, RecursionError):
                continue
            named = [item for item in value if isinstance(item, dict) and "name" in item]
            if value and len(named) == len(value) and value not in found:
                found.append(value)
    if len(found) != 1:
        what = "none" if not found else f"{len(found)} that differ"
        raise InputError(
            f"{path}: {size:,} bytes of JSON; wanted one list 'categories' in it, got {what}; "
            "write the names of the classes one a line"
        )
    return json.dumps({"categories": found[0]}).encode()


def _starts(path: Path) -> list[int]:
    """Where the lists begin that are called categories."""
    starts: dict[int, None] = {}
    with path.open("rb") as file:
        offset, tail = 0, b""
        while piece := file.read(_PIECE):
            window = tail + piece
            begin = offset - len(tail)
            starts |= dict.fromkeys(begin + match.end() for match in _START.finditer(window))
            tail, offset = window[-_OVERLAP:], offset + len(piece)
    return list(starts)
