"""Save a TextBank, and open it again at once however large it is.

In:  a bank; later its folder.
Out: ``bank.json`` and the array file that it names, ``bank-<hash>.safetensors``, in a folder named
     by the fingerprint; later the same bank mapped from disk, verified as it is read.

What grows with the number of phrases stands in the array file, the texts too. The header holds the
rest, the sha256 of every array and one of itself, so that opening a bank reads the header and the
index of the array file and trusts nothing else: an array is hashed when somebody first asks for it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.array_files import HEADER, array_files, named_arrays
from langseg.cache.bank.arrays import ArrayFile, Stored, arrays_name, write_arrays
from langseg.cache.bank.rules import (
    ARRAY_RULES,
    RULES,
    WORD_RULES,
    broken_as,
    check_bank,
    check_header,
    check_shapes,
    remedy_of,
)
from langseg.cache.bank.strings import PARTS, packed, unpacked
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import CorruptError, FormatError, Remedy
from langseg.cache.files import make_folder, write_atomic
from langseg.cache.sealed import seal_of

BANK_FORMAT = 4
HEADER_SHA256 = "header_sha256"  # its seal: the header holds many a sha256
_FINGERPRINT = re.compile("[0-9a-f]{64}")

Words = tuple[tuple[str, ...], ...]


def save_bank(bank: TextBank, banks: Path) -> Path:
    """Write ``banks/<fingerprint>/``; the JSON goes last, and with it the new bank is there.

    The same bank may be there in other bytes, as texts were embedded anew: until then it is whole,
    and its array file goes after that, which whoever has it open can still read.

    Returns: the folder. Raises: CorruptError, for a bank that breaks its own rules.
    """
    check_bank(bank)
    folder = banks / bank.fingerprint
    make_folder(folder)
    arrays: dict[str, NDArray[Any]] = {name: getattr(bank, name) for name in ARRAY_RULES}
    for column in WORD_RULES:
        parts = packed(chain.from_iterable(getattr(bank, column)))
        arrays |= {f"{column}.{part}": array for part, array in parts.items()}
    before = named_arrays(folder)
    layout = write_arrays(folder, arrays)
    header: dict[str, Any] = {"format": BANK_FORMAT, "fingerprint": bank.fingerprint}
    header |= {name: getattr(bank, name) for name in _header_names()}
    for rare in ("recipe", "scene_texts"):  # so that a glance at the header tells
        if not header[rare]:
            del header[rare]
    header |= {"file": arrays_name(layout)}
    header |= {"arrays": {name: asdict(stored) for name, stored in layout.items()}}
    header |= {HEADER_SHA256: seal_of(header, HEADER_SHA256)}
    write_atomic(folder / HEADER, json.dumps(header, indent=1, ensure_ascii=False).encode())
    for path in array_files(folder):
        if path.name == before != header["file"]:  # another's may be one that it is writing
            path.unlink(missing_ok=True)
    return folder


def newest_bank(banks: Path, vocabulary: str, ids: Mapping[int, str] | None = None) -> Path | None:
    """The folder of the bank of a vocabulary that was saved last, if there is one.

    ``ids``: the class of each id, by which two lists of one name are told apart.

    A control arm is never it, nor is one with scenes in free text: nobody trains on them unasked.
    Headers that cannot be read are passed
    over: loading the bank says what is wrong with it.
    """
    saved = []
    for header in banks.glob(f"*/{HEADER}"):
        try:
            document = json.loads(header.read_bytes())
            wanted = document["vocabulary"] == vocabulary
            wanted = wanted and not {"recipe", "scene_texts"} & document.keys()
            if ids is not None:
                has = dict(zip(document["ids"], document["names"], strict=True))
                wanted = wanted and has == ids
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        if wanted:
            saved.append((header.stat().st_mtime_ns, header.parent))
    return max(saved)[1] if saved else None


def load_bank(folder: Path) -> TextBank:
    """Open a bank; its arrays are read-only views of the file, verified when first read.

    Raises: CorruptError, for a header that is missing, changed or foreign and for an array file of
    another index or size. Damage within an array raises it where the array is first asked for;
    ``check_bank`` asks for all of them.
    """
    path = folder / HEADER
    data = b""
    try:
        while True:
            before, data = data, path.read_bytes()
            try:
                return _opened(folder, data)
            except FileNotFoundError:
                if data == before:  # else the bank was written anew in between
                    raise
    except OSError as exc:
        raise _no_bank(folder, exc) from exc


def _opened(folder: Path, data: bytes) -> TextBank:
    """Raises: CorruptError; OSError, for an array file that cannot be opened."""
    path = folder / HEADER
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _no_bank(folder, exc) from exc
    document = header if isinstance(header, dict) else {}
    written, remedy = document.get("format"), remedy_of(document.get("recipe"))
    if written != BANK_FORMAT:
        raise FormatError(f"{path}: wanted TextBank format {BANK_FORMAT}, got {written!r}", remedy)
    with broken_as(path, remedy):
        if header.get(HEADER_SHA256) != seal_of(header, HEADER_SHA256):
            raise ValueError(
                f"wanted the header that its {HEADER_SHA256} names, got another; it was changed"
            )
        return _MappedBank.of(folder, header)


def _no_bank(folder: Path, reason: Exception) -> CorruptError:
    if isinstance(reason, FileNotFoundError):
        reason = FileNotFoundError("none" if folder.is_dir() else "no such folder")
    return CorruptError(
        f"{folder}: wanted a TextBank ({HEADER} and the file it names), got {reason}",
        Remedy.BUILD_BANK,
    )


class _MappedBank(TextBank):
    """A bank in a file: a part that grows with its phrases is read, and verified, when first asked
    for, so nobody can hold a part that is damaged.

    One that ``dataclasses.replace`` makes has all its parts in memory, and no file: for that, and
    so that whoever takes a ``TextBank`` takes this one, it is a ``TextBank`` whose fields ``of``
    fills in; a common base would list every field twice and be no dataclass to replace in.
    """

    _file: ArrayFile

    @classmethod
    def of(cls, folder: Path, header: Mapping[str, Any]) -> Self:
        """Raises: CorruptError, for an array file of another index; OSError; for a header of
        another shape or that breaks a rule, what ``broken_as`` catches."""
        layout = {
            name: Stored(entry["dtype"], tuple(entry["shape"]), entry["sha256"])
            for name, entry in header["arrays"].items()
        }
        bank = cls.__new__(cls)  # the arrays, which the dataclass wants now, are read later
        values = {"recipe": None, "scene_texts": {}, **header}
        vars(bank).update({name: _frozen(values[name]) for name in _header_names()})
        if not _FINGERPRINT.fullmatch(header["fingerprint"]):
            raise ValueError(f"wanted a fingerprint, got {header['fingerprint']!r}")
        vars(bank)["fingerprint"] = header["fingerprint"]  # sealed with the sha256 of what it names
        check_header(bank)
        check_shapes(bank, {name: (at.kind, at.shape) for name, at in layout.items()})
        if header["file"] != arrays_name(layout):
            raise ValueError(f"wanted the file {arrays_name(layout)}, got {header['file']!r}")
        vars(bank)["_file"] = ArrayFile(folder / header["file"], layout, remedy_of(bank.recipe))
        return bank

    @cached_property
    def emb(self) -> NDArray[np.float16]:
        return self._array("emb")

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        return self._array("mask")

    @cached_property
    def weight(self) -> NDArray[np.float32]:
        return self._array("weight")

    @cached_property
    def scene(self) -> NDArray[np.float16]:
        return self._array("scene")

    @cached_property
    def prior(self) -> NDArray[np.float32]:
        return self._array("prior")

    @cached_property
    def texts(self) -> Words:
        return self._words("texts")

    @cached_property
    def slots(self) -> Words:
        return self._words("slots")

    @cached_property
    def owners(self) -> Words:
        return self._words("owners")

    def _array(self, name: str) -> NDArray[Any]:
        with broken_as(self._file.path, remedy_of(self.recipe)):
            array = self._file.read(name)
            ARRAY_RULES[name](self, array)
        return array

    def _words(self, column: str) -> Words:
        with broken_as(self._file.path, remedy_of(self.recipe)):
            words = unpacked({part: self._file.read(f"{column}.{part}") for part in PARTS})
            ends = [*accumulate(self.mask.sum(axis=1).tolist(), initial=0)]
            if len(words) != ends[-1]:
                raise ValueError(f"{column}: wanted {ends[-1]} as the mask holds, got {len(words)}")
            rows = tuple(tuple(words[begin:end]) for begin, end in pairwise(ends))
            WORD_RULES[column](self, rows)
        return rows


def _header_names() -> tuple[str, ...]:
    return tuple(name for name in TextBank.__dataclass_fields__ if name not in RULES)


def _frozen(value: Any) -> Any:
    """What JSON gives, its lists as tuples."""
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
