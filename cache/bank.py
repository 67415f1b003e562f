"""The TextBank: what the segmenter reads instead of a text encoder.

In:  arrays and texts from the descriptor stage.
Out: ``bank.safetensors`` + ``bank.json`` in a folder named by the fingerprint, and the same
     arrays mapped back from disk without a copy.

C classes, K descriptors per class (padded), S scenes (row 0 is always ``*``, "no known scene"),
D text width.
"""

import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError
from langseg.cache.files import sha256_of, write_atomic
from langseg.cache.keys import canonical_json, sha256_hex, text_id
from langseg.cache.records import ANY_SCENE

BANK_FORMAT = 1
ARRAYS = "bank.safetensors"
HEADER = "bank.json"
HEADER_SHA256 = "header_sha256"
PRIOR_FLOOR = 1e-4  # share of a scene's descriptor in every other scene; never 0, its log is taken
_DTYPES = {"F16": np.float16, "F32": np.float32, "BOOL": np.bool_}


_CLASSES_AT_ONCE = 64  # whose vectors are widened to float32: all at once take 5 GB of a million


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

    @property
    def fingerprint(self) -> str:
        """Identity of the bank: what it says and how it weighs it, not the embeddings' bytes.

        The same text encoded alone or in a batch differs in 0.3 % of its float16 values, so
        bytes would tell two equal banks apart; (text, encoder) pairs do not. A control arm is never
        the bank of the same words: it would take that bank's folder.
        """
        said: dict[str, Any] = {
            "format": BANK_FORMAT,
            "vocabulary_hash": self.vocabulary_hash,
            "names": list(self.names),
            "ids": list(self.ids),
            "scenes": list(self.scenes),
            "texts": [[text_id(text) for text in row] for row in self.texts],
            "encoder_id": self.encoder_id,
            "weight": sha256_hex(np.ascontiguousarray(self.weight).tobytes()),
            "prior": sha256_hex(np.ascontiguousarray(self.prior).tobytes()),
        }
        if self.recipe is not None:
            said["recipe"] = {name: self.recipe[name] for name in ("arm", "seed", "of")}
        return sha256_hex(canonical_json(said))

    def check(self) -> None:
        """Raises: CorruptError, naming the first rule of the class docstring that is broken."""
        c, k = len(self.names), self.emb.shape[1] if self.emb.ndim == 3 else -1
        s, d = len(self.scenes), self.emb.shape[-1]
        shapes = {
            "emb": (self.emb.shape, (c, k, d)),
            "mask": (self.mask.shape, (c, k)),
            "weight": (self.weight.shape, (c, k)),
            "scene": (self.scene.shape, (s, d)),
            "prior": (self.prior.shape, (s, c, k)),
        }
        for name, (got, wanted) in shapes.items():
            if got != wanted:
                raise CorruptError(f"TextBank {name}: wanted shape {wanted}, got {got}")
        if not self.scenes or self.scenes[0] != ANY_SCENE:
            raise CorruptError(f"TextBank scenes: wanted {ANY_SCENE!r} first, got {self.scenes!r}")
        if len(set(self.names)) != c or len(self.ids) != c or len(set(self.ids)) != c:
            raise CorruptError("TextBank names and ids: wanted one distinct id for each name")
        counts = self.mask.sum(axis=1)
        if not counts.all():
            bad = self.names[int(counts.argmin())]
            raise CorruptError(f"TextBank mask: class {bad!r} has no descriptor")
        for name, rows in (("texts", self.texts), ("slots", self.slots), ("owners", self.owners)):
            if [len(row) for row in rows] != counts.tolist():
                raise CorruptError(f"TextBank {name}: wanted as many as the mask holds, per class")
        blocks = (slice(n, n + _CLASSES_AT_ONCE) for n in range(0, c, _CLASSES_AT_ONCE))
        if not all(_are_unit(self.emb[some][self.mask[some]]) for some in blocks):
            raise CorruptError("TextBank emb: wanted finite unit vectors")
        if not _are_unit(self.scene):
            raise CorruptError("TextBank scene: wanted finite unit vectors")
        if not np.allclose(self.weight.sum(axis=1, where=self.mask), 1.0, atol=1e-4):
            raise CorruptError("TextBank weight: wanted a sum of 1 for each class")
        if not ((self.prior >= PRIOR_FLOOR * 0.99) & (self.prior <= 1.0)).all():
            raise CorruptError(f"TextBank prior: wanted values in [{PRIOR_FLOOR}, 1]")
        if self.recipe is not None and not {"arm", "rule", "seed", "of"} <= set(self.recipe):
            raise CorruptError("TextBank recipe: wanted arm, rule, seed and of, or no recipe")


def save_bank(bank: TextBank, banks: Path) -> Path:
    """Write ``banks/<fingerprint>/``; the JSON goes last, so a bank without it is no bank.

    Returns: the folder. Raises: CorruptError, for a bank that breaks its own rules.
    """
    from safetensors.numpy import save

    bank.check()
    folder = banks / bank.fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(getattr(bank, name)) for name in _array_names()}
    write_atomic(folder / ARRAYS, save(arrays))
    header = {"format": BANK_FORMAT, "fingerprint": bank.fingerprint}
    header |= {"sha256": sha256_of(folder / ARRAYS)}
    header |= {name: getattr(bank, name) for name in _header_names()}
    if bank.recipe is None:  # as in every header before there were recipes
        del header["recipe"]
    header |= {HEADER_SHA256: _header_sha256(header)}
    write_atomic(folder / HEADER, json.dumps(header, indent=1, ensure_ascii=False).encode())
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
    """Map a bank back; its arrays are read-only views of the file.

    Raises: CorruptError, for a missing, damaged, edited or foreign bank (the checksums of both
    files are verified, because safetensors itself does not notice a flipped bit).
    """
    header_path, arrays_path = folder / HEADER, folder / ARRAYS
    try:
        header = json.loads(header_path.read_bytes())
        found = sha256_of(arrays_path)
    except (OSError, ValueError) as exc:
        raise CorruptError(
            f"{folder}: wanted a TextBank ({HEADER} and {ARRAYS}), got {exc}; "
            "build one with `langseg-desc bank`"
        ) from exc
    if not isinstance(header, dict) or header.get("format") != BANK_FORMAT:
        raise CorruptError(
            f"{header_path}: wanted TextBank format {BANK_FORMAT}; rebuild with `langseg-desc bank`"
        )
    if header.get("sha256") != found:
        raise CorruptError(
            f"{arrays_path}: wanted sha256 {header.get('sha256')}, got {found}; "
            "the file is damaged, rebuild it with `langseg-desc bank`"
        )
    try:
        whole = header.get(HEADER_SHA256) == _header_sha256(header)
        values: dict[str, Any] = {**_header_values(header), **_map_arrays(arrays_path)}
        bank = TextBank(**values)
        bank.check()
        whole &= header["fingerprint"] == bank.fingerprint
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise CorruptError(
            f"{header_path}: wanted a TextBank header, got {exc!r}; "
            "rebuild it with `langseg-desc bank`"
        ) from exc
    if not whole:
        raise CorruptError(
            f"{header_path}: wanted the header that its {HEADER_SHA256} and fingerprint name, got "
            "another; it was changed, rebuild it with `langseg-desc bank`"
        )
    return bank


def _header_sha256(header: Mapping[str, Any]) -> str:
    """Of everything the header says: the fingerprint leaves out what does not change a head."""
    said = {name: value for name, value in header.items() if name != HEADER_SHA256}
    return sha256_hex(canonical_json(said))


def _array_names() -> tuple[str, ...]:
    return ("emb", "mask", "weight", "scene", "prior")


def _header_names() -> tuple[str, ...]:
    return tuple(name for name in TextBank.__dataclass_fields__ if name not in _array_names())


def _header_values(header: Mapping[str, Any]) -> dict[str, Any]:
    def frozen(value: Any) -> Any:
        return tuple(frozen(item) for item in value) if isinstance(value, list) else value

    header = {"recipe": None, **header}
    return {name: frozen(header[name]) for name in _header_names()}


def _map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read-only numpy views of a safetensors file (8-byte length, JSON index, raw data)."""
    with path.open("rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = 8 + int.from_bytes(view[:8], "little")
    index = json.loads(view[8:start])
    arrays = {}
    for name in _array_names():
        entry = index[name]
        begin, end = entry["data_offsets"]
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        flat = np.frombuffer(view, dtype, (end - begin) // dtype.itemsize, start + begin)
        arrays[name] = flat.reshape(entry["shape"])
    return arrays


def _are_unit(vectors: NDArray[np.float16]) -> bool:
    """Whether vectors along the last axis are finite and of length 1, but for rounding."""
    norms = np.linalg.norm(vectors.astype(np.float32), axis=-1)
    return bool(np.allclose(norms, 1.0, atol=2e-3))  # float16 rounding is below 1e-3
