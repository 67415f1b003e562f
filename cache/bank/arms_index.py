"""The index of a vocabulary's control arms: which banks belong together, sealed by a sha256.

In:  what ``langseg-desc arms`` says of the banks it made.
Out: ``arms-<bank>.json`` beside them, and the same words back; or an exception.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError
from langseg.cache.files import write_atomic
from langseg.cache.keys import canonical_json, sha256_hex

INDEXES = "arms-*.json"
REMAKE = "make the arms again with `langseg-desc arms`"


def write_index(banks: Path, index: Mapping[str, Any]) -> Path:
    """Write the index of the arms of the bank ``index["real"]``. Raises: OSError."""
    path = banks / f"arms-{index['real']}.json"
    write_atomic(path, _rendered(index))
    return path


def read_index(path: Path) -> dict[str, Any]:
    """``arms`` lists the banks, each by the name of its arm and its fingerprint.

    Raises: CorruptError, unless every byte is as it was written.
    """
    try:
        data = path.read_bytes()
        index: dict[str, Any] = json.loads(data)
        whole = _rendered(index) == data
    except (OSError, ValueError, AttributeError, RecursionError) as exc:
        raise CorruptError(f"{path}: wanted an index of arms, got {exc}; {REMAKE}") from exc
    if not whole:
        raise CorruptError(f"{path}: wanted the bytes its sha256 names, got others; {REMAKE}")
    return index


def _rendered(index: Mapping[str, Any]) -> bytes:
    """There is one spelling, so that every changed bit shows."""
    said = {name: value for name, value in index.items() if name != "sha256"}
    whole = {"sha256": sha256_hex(canonical_json(said)), **said}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()
