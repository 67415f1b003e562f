"""JSON that carries the sha256 of what it says, in one spelling, so that every changed bit shows.

In:  a document; later its bytes.
Out: its bytes; later the document, or a ValueError.

A document stands in a file of its own, indented, and its seal is the sha256 of its canonical JSON.
A line is as short as can be, and its seal is the sha256 of its own text without the seal.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langseg.cache.errors import FormatError
from langseg.cache.keys import canonical_json, sha256_hex

SEAL = "sha256"


def seal_of(document: Mapping[str, Any], name: str = SEAL) -> str:
    """sha256 of everything a document says but for its seal, which has this name."""
    return sha256_hex(canonical_json(_unsealed(document, name)))


def render(document: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    """The document and its seal, which comes first unless the keys are sorted.

    Raises: ValueError, for NaN or infinity; TypeError, for a value JSON cannot hold.
    """
    whole = {SEAL: seal_of(document), **_unsealed(document)}
    text = json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=sort_keys)
    return f"{text}\n".encode()


def parse(data: bytes, *, sort_keys: bool = False) -> dict[str, Any]:
    """What ``render`` was given, and the seal. Raises: ValueError, for bytes it does not make."""
    return _checked(data, lambda document: render(document, sort_keys=sort_keys))


def render_line(document: Mapping[str, Any], *, digits: int = 64, end: str = "") -> bytes:
    """The document and its seal in one line, with its line feed.

    Args:
        digits: of the sha256, as many as are written.
        end: what is hashed behind the line's text.

    Raises: as ``render``.
    """
    bare = _unsealed(document)
    seal = sha256_hex(f"{_compact(bare)}{end}")[:digits]
    return f"{_compact({SEAL: seal, **bare})}\n".encode()


def parse_line(line: bytes, *, digits: int = 64, end: str = "") -> dict[str, Any]:
    """What ``render_line`` was given, and the seal. Raises: ValueError, for any other line."""
    return _checked(line, lambda document: render_line(document, digits=digits, end=end))


def check_format(path: Path, what: str, wanted: int, got: Any) -> None:
    """Raises: FormatError, where a whole document is not of the format that is read here."""
    if got != wanted:
        raise FormatError(
            f"{path}: wanted {what} {wanted}, got {got!r}; open the store with the LangSeg that "
            "wrote it"
        )


def _unsealed(document: Mapping[str, Any], name: str = SEAL) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def _compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checked(data: bytes, spelled: Callable[[dict[str, Any]], bytes]) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(data)
        whole = isinstance(document, dict) and spelled(document) == data
    except RecursionError as exc:
        raise ValueError("JSON that is nested too deep") from exc
    if not whole:
        raise ValueError("other bytes than its sha256 names")
    return document
