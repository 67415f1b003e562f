"""The TextBank: what the segmenter reads instead of a text encoder.

In:  arrays and texts from the descriptor stage.
Out: ``bank.json`` and the array file that it names, ``bank-<hash>.safetensors``, in a folder named
     by the fingerprint, and the same bank mapped back from disk: opened at once however large,
     verified as it is read.

C classes, K descriptors per class (padded), S scenes (row 0 is always ``*``, "no known scene"),
D text width.

What grows with the number of phrases stands in the array file, the texts too. The header holds the
rest, the sha256 of every array and one of itself, so that opening a bank reads the header and the
index of the array file and trusts nothing else: an array is hashed when somebody first asks for it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.arrays import ArrayFile, Stored, arrays_name, write_arrays
from langseg.cache.bank.folder import (
    BANK_FORMAT,
    HEADER,
    OlderBankError,
    array_files,
    named_arrays,
)
from langseg.cache.bank.rules import (
    ARRAY_RULES,
    PRIOR_FLOOR,
    RULES,
    WORD_RULES,
    broken_as,
    check_header,
    check_shapes,
)
from langseg.cache.bank.strings import PARTS, packed, unpacked
from langseg.cache.errors import CorruptError
from langseg.cache.files import make_folder, write_atomic
from langseg.cache.keys import canonical_json, scene_key, sha256_hex, text_id

__all__ = [
    "HEADER", "PRIOR_FLOOR", "TextBank", "load_bank", "newest_bank", "save_bank",
]  # fmt: skip

HEADER_SHA256 = "header_sha256"
_FINGERPRINT = re.compile("[0-9a-f]{64}")
_SAID_FORMAT = 1  # of the fingerprint: the same words are the same bank in whatever form


@dataclass(frozen=True, kw_only=True, eq=False)
class TextBank:
    """Embedded descriptors of one vocabulary, ready to be collapsed per image.

    ``emb`` [C, K, D] float16, unit rows where ``mask`` holds, zero elsewhere;
    ``mask`` [C, K] bool, at least one True in every row;
    ``weight`` [C, K] float32, sums to 1 over the valid k of a class;
    ``scene`` [S, D] float16 unit rows;
    ``prior`` [S, C, K] float32 in [PRIOR_FLOOR, 1]: 1 where a descriptor belongs to the scene
    or to ``*``, PRIOR_FLOOR where it belongs to another scene.

    ``ids`` are the class ids as the dataset's label files hold them (1..150 for ADE20K) and as
    predicted masks hold them; ``ignore_ids`` are file values that mean "not labelled".
    ``texts``, ``slots`` and ``owners`` [C][k] say which phrase each row of ``emb`` is, in which
    slot, and of which subclass ("" for the class itself).
    ``scene_names``: scene -> the names by which the dataset means it, such as bedroom -> hotel
    room; it changes how a told scene is read, and is no part of the fingerprint.

    ``recipe`` says how a control arm was derived from another bank: ``arm``, ``rule``, ``seed``
    and ``of``, that bank's fingerprint; None for a bank that is no control.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    ignore_ids: tuple[int, ...]
    scenes: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    slots: tuple[tuple[str, ...], ...]
    owners: tuple[tuple[str, ...], ...]
    emb: NDArray[np.float16]
    mask: NDArray[np.bool_]
    weight: NDArray[np.float32]
    scene: NDArray[np.float16]
    prior: NDArray[np.float32]
    vocabulary: str
    vocabulary_hash: str
    encoder_id: str
    image_aligned: bool
    model: str
    manifest: str
    recipe: Mapping[str, Any] | None = None
    scene_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the bank: what it says and how it weighs it, not the embeddings' bytes.

        The same text encoded alone or in a batch differs in 0.3 % of its float16 values, so
        bytes would tell two equal banks apart; (text, encoder) pairs do not. A control arm is never
        the bank of the same words: it would take that bank's folder.
        """
        keys = {text: text_id(text) for text in set(chain.from_iterable(self.texts))}
        said: dict[str, Any] = {
            "format": _SAID_FORMAT,
            "vocabulary_hash": self.vocabulary_hash,
            "names": list(self.names),
            "ids": list(self.ids),
            "scenes": list(self.scenes),
            "texts": [[keys[text] for text in row] for row in self.texts],
            "encoder_id": self.encoder_id,
            "weight": sha256_hex(np.ascontiguousarray(self.weight).tobytes()),
            "prior": sha256_hex(np.ascontiguousarray(self.prior).tobytes()),
        }
        if self.recipe is not None:
            said["recipe"] = {name: self.recipe[name] for name in ("arm", "seed", "of")}
        return sha256_hex(canonical_json(said))

    def scene_row(self, name: str) -> int | None:
        """Row of a scene: by its own name, else by one of ``scene_names``; case is no matter."""
        return self._scene_rows.get(scene_key(name))

    @cached_property
    def _scene_rows(self) -> dict[str, int]:
        rows = {
            scene_key(name): row
            for row, scene in enumerate(self.scenes)
            for name in self.scene_names.get(scene, ())
        }
        return rows | {scene_key(scene): row for row, scene in enumerate(self.scenes)}

    def verify(self) -> None:
        """Read all of the bank. Raises: CorruptError, naming what is broken or damaged."""
        with broken_as(f"TextBank of {self.vocabulary}"):
            check_header(self)
            arrays = {name: getattr(self, name) for name in ARRAY_RULES}
            check_shapes(self, {name: (a.dtype, a.shape) for name, a in arrays.items()})
            for name, rule in RULES.items():
                rule(self, getattr(self, name))


class _MappedBank(TextBank):
    """A bank in a file: each part of ``RULES`` is read, and verified, when first asked for.

    Nobody can hold a part that is damaged, so ``verify`` only says so early.
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
        bank = cls.__new__(cls)
        said = {"recipe": None, **header}
        vars(bank).update({name: _frozen(said[name]) for name in _header_names()})
        if not _FINGERPRINT.fullmatch(header["fingerprint"]):
            raise ValueError(f"wanted a fingerprint, got {header['fingerprint']!r}")
        vars(bank)["fingerprint"] = header["fingerprint"]  # sealed with the sha256 of what it names
        check_header(bank)
        check_shapes(bank, {name: (at.kind, at.shape) for name, at in layout.items()})
        if header["file"] != arrays_name(layout):
            raise ValueError(f"wanted the file {arrays_name(layout)}, got {header['file']!r}")
        vars(bank)["_file"] = ArrayFile(folder / header["file"], layout)
        return bank

    def __getattr__(self, name: str) -> Any:  # called for what is not there yet
        if name not in RULES or "_file" not in vars(self):
            raise AttributeError(name)
        with broken_as(self._file.path):
            value = self._file.read(name) if name in ARRAY_RULES else self._words(name)
            RULES[name](self, value)
        vars(self)[name] = value
        return value

    def _words(self, column: str) -> tuple[tuple[str, ...], ...]:
        words = unpacked({part: self._file.read(f"{column}.{part}") for part in PARTS})
        ends = [*accumulate(self.mask.sum(axis=1).tolist(), initial=0)]
        if len(words) != ends[-1]:
            raise ValueError(f"{column}: wanted {ends[-1]} as the mask holds, got {len(words)}")
        return tuple(tuple(words[begin:end]) for begin, end in pairwise(ends))

    def verify(self) -> None:
        if "_file" not in vars(self):  # by ``dataclasses.replace``: what it was given is all it has
            super().verify()
            return
        for name in RULES:
            getattr(self, name)


def save_bank(bank: TextBank, banks: Path) -> Path:
    """Write ``banks/<fingerprint>/``; the JSON goes last, and with it the new bank is there.

    The same bank may be there in other bytes, as texts were embedded anew: until then it is whole,
    and its array file goes after that, which whoever has it open can still read.

    Returns: the folder. Raises: CorruptError, for a bank that breaks its own rules.
    """
    bank.verify()
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
    if bank.recipe is None:  # so that a glance at the header tells a control
        del header["recipe"]
    header |= {"file": arrays_name(layout)}
    header |= {"arrays": {name: asdict(stored) for name, stored in layout.items()}}
    header |= {HEADER_SHA256: _header_sha256(header)}
    write_atomic(folder / HEADER, json.dumps(header, indent=1, ensure_ascii=False).encode())
    for path in array_files(folder):
        if path.name == before != header["file"]:  # another's may be one that it is writing
            path.unlink(missing_ok=True)
    return folder


def newest_bank(banks: Path, vocabulary: str) -> Path | None:
    """The folder of the bank of a vocabulary that was saved last, if there is one.

    A control arm is never it: nobody trains on one unasked. Headers that cannot be read are passed
    over: loading the bank says what is wrong with it.
    """
    found = []
    for header in banks.glob(f"*/{HEADER}"):
        try:
            said = json.loads(header.read_bytes())
            wanted = said["vocabulary"] == vocabulary and "recipe" not in said
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if wanted:
            found.append((header.stat().st_mtime_ns, header.parent))
    return max(found)[1] if found else None


def load_bank(folder: Path) -> TextBank:
    """Open a bank; its arrays are read-only views of the file, verified when first read.

    Raises: CorruptError, for a header that is missing, changed or foreign and for an array file of
    another index or size. Damage within an array raises it where the array is first asked for;
    ``verify`` asks for all of them.
    """
    path = folder / HEADER
    said = b""
    try:
        while True:
            before, said = said, path.read_bytes()
            try:
                return _opened(folder, said)
            except FileNotFoundError:
                if said == before:  # else the bank was written anew in between
                    raise
    except (OSError, RecursionError) as exc:
        raise _no_bank(folder, exc) from exc


def _opened(folder: Path, said: bytes) -> TextBank:
    """Raises: CorruptError; OSError, for an array file that cannot be opened."""
    path = folder / HEADER
    try:
        header = json.loads(said)
    except (ValueError, RecursionError) as exc:
        raise _no_bank(folder, exc) from exc
    found = header.get("format") if isinstance(header, dict) else None
    if found in range(1, BANK_FORMAT) and _is_sealed(header):
        raise OlderBankError(path, header)
    if found != BANK_FORMAT:
        raise CorruptError(
            f"{path}: wanted TextBank format {BANK_FORMAT}, got {found!r}; "
            "rebuild it with `langseg-desc bank`"
        )
    with broken_as(path):
        if HEADER_SHA256 not in header or not _is_sealed(header):
            raise ValueError(
                f"wanted the header that its {HEADER_SHA256} names, got another; it was changed"
            )
        return _MappedBank.of(folder, header)


def _no_bank(folder: Path, reason: Exception) -> CorruptError:
    return CorruptError(
        f"{folder}: wanted a TextBank ({HEADER} and the file it names), got {reason}; "
        "build one with `langseg-desc bank`"
    )


def _is_sealed(header: Mapping[str, Any]) -> bool:
    """Whether a header is what its sha256 names; the first format had none."""
    wanted = _header_sha256(header)
    return bool(header.get(HEADER_SHA256, wanted) == wanted)


def _header_sha256(header: Mapping[str, Any]) -> str:
    """Of everything the header says: the fingerprint leaves out what does not change a head."""
    said = {name: value for name, value in header.items() if name != HEADER_SHA256}
    return sha256_hex(canonical_json(said))


def _header_names() -> tuple[str, ...]:
    return tuple(name for name in TextBank.__dataclass_fields__ if name not in RULES)


def _frozen(value: Any) -> Any:
    """What JSON gives, its lists as tuples."""
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
