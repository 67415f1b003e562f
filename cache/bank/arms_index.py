"""The index of a vocabulary's control arms: which banks belong together, sealed by a sha256.

In:  what is to be said of the banks that were made.
Out: ``arms-<bank>.json`` beside them, and the same words back; or an exception.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langseg.cache import sealed
from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.files import write_atomic

INDEXES = "arms-*.json"
_NAMES = ("arm", "fingerprint")  # of each bank that is listed


def write_index(banks: Path, index: Mapping[str, Any]) -> Path:
    """Write the index of the arms of the bank ``index["real"]``. Raises: OSError."""
    path = banks / f"arms-{index['real']}.json"
    write_atomic(path, sealed.render(index))
    return path


def read_index(path: Path) -> dict[str, Any]:
    """``arms`` lists the banks, each by the name of its arm and its fingerprint.

    Raises: CorruptError, unless every byte is as it was written.
    """
    try:
        index = sealed.parse(path.read_bytes())
        names = [index["vocabulary"], *(arm[name] for arm in index["arms"] for name in _NAMES)]
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise CorruptError(f"{path}: wanted an index of arms, got {exc}", Remedy.MAKE_ARMS) from exc
    if not all(isinstance(name, str) for name in names):
        raise CorruptError(f"{path}: wanted an index of arms, got another shape", Remedy.MAKE_ARMS)
    return index
