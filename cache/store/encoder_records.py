"""Encoder records: what made a set of embeddings, pinned by hash in the manifest.

In:  an encoder id and its record (a JSON object that holds at least ``dim``).
Out: ``encoders/<id>.json`` and the sha256 the manifest lists; the record back, if it is intact.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.files import make_folder, write_atomic
from langseg.cache.keys import sha256_hex
from langseg.cache.store.manifest import safe_name

ENCODERS = "encoders"


def record_path(encoder_id: str) -> str:
    """An encoder's record, relative to the store."""
    return f"{ENCODERS}/{encoder_id}.json"


def check_record(encoder_id: str, record: Mapping[str, Any]) -> None:
    """Raises: InputError, for an id that is no file name; LangSegError, if ``dim`` is missing."""
    safe_name("encoder", encoder_id)
    if not _has_dim(record):
        raise LangSegError(f"encoder {encoder_id}: wanted a record with its `dim`, got {record!r}")


def write_record(root: Path, encoder_id: str, record: Mapping[str, Any]) -> str:
    """Returns: the file's sha256. Raises: OSError."""
    data = json.dumps(dict(record), indent=1, sort_keys=True).encode() + b"\n"
    path = root / record_path(encoder_id)
    make_folder(path.parent)
    write_atomic(path, data)
    return sha256_hex(data)


def read_record(root: Path, encoder_id: str, sha256: str) -> dict[str, Any]:
    """Raises: CorruptError, naming the file, unless its bytes are those the manifest lists."""
    path = root / record_path(encoder_id)
    try:
        data = path.read_bytes()
        record = json.loads(data)
    except (OSError, ValueError, RecursionError) as exc:
        raise CorruptError(f"{path}: wanted an encoder record, got {exc}", Remedy.VERIFY) from exc
    if sha256_hex(data) != sha256 or not isinstance(record, dict) or not _has_dim(record):
        raise CorruptError(
            f"{path}: wanted the record its sha256 names, got another", Remedy.VERIFY
        )
    return record


def _has_dim(record: Mapping[str, Any]) -> bool:
    dim = record.get("dim")
    return isinstance(dim, int) and dim > 0
