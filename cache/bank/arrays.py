"""Keep the arrays of a bank in one safetensors file, mapped when opened and verified when read.

In:  named arrays.
Out: the file, whose name follows from its content, and, for each array, its dtype, shape and
     sha256; later the same arrays as read-only views of the file.

The layout follows from the names, dtypes and shapes alone: widest values first, then by name, so
that each array is aligned. What the file must begin with and how long it must be is therefore known
before it is looked at, which a few hundred bytes suffice to check, however large the arrays are.
safetensors itself notices neither a flipped bit nor a wrong index that is well formed.
"""

import hashlib
import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.files import write_atomic
from langseg.cache.keys import canonical_json, sha256_hex

_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "I64": np.int64,
    "F16": np.float16, "F32": np.float32,
}  # fmt: skip
_CODES = {np.dtype(kind): code for code, kind in _DTYPES.items()}
_ALIGN = 8


@dataclass(frozen=True)
class Stored:
    """What is known of an array without reading it. ``dtype``: as safetensors spells it."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """Of an array that is at hand; its bytes are hashed."""
        return cls(_CODES[array.dtype], array.shape, hashlib.sha256(_plain(array)).hexdigest())

    @property
    def kind(self) -> np.dtype[Any]:
        """NumPy's dtype of it."""
        return np.dtype(_DTYPES[self.dtype])

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.kind.itemsize


ArrayLayout = Mapping[str, Stored]


def arrays_name(layout: ArrayLayout) -> str:
    """The name of the file of these arrays: other bytes never stand under the same name."""
    described = {name: asdict(stored) for name, stored in layout.items()}
    return f"bank-{sha256_hex(canonical_json(described))[:16]}.safetensors"


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> ArrayLayout:
    """Write the file without a copy of any array that is contiguous. Raises: OSError."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    layout = {name: Stored.of(array) for name, array in contiguous.items()}
    content = (_plain(contiguous[name]) for name in _order(layout))
    write_atomic(folder / arrays_name(layout), _head(layout), *content)
    return layout


class ArrayFile:
    """A mapped file that holds what a layout says; nothing but its index has been read. ``remedy``
    is what makes the file anew.

    Raises: CorruptError, for an index or a size that is not the layout's; OSError.
    """

    def __init__(self, path: Path, layout: ArrayLayout, remedy: Remedy) -> None:
        self.path, self._layout, self._remedy = path, layout, remedy
        head, order = _head(layout), _order(layout)
        begins = accumulate((layout[name].size for name in order), initial=len(head))
        *starts, wanted = begins
        self._starts = dict(zip(order, starts, strict=True))
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size != wanted:
                raise CorruptError(f"{path}: wanted {wanted} bytes, got {size}", remedy)
            self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._view[: len(head)] != head:
            raise CorruptError(f"{path}: wanted the index of its bank, got another", remedy)

    def read(self, name: str) -> NDArray[Any]:
        """A view of an array, all of it verified now. Raises: CorruptError."""
        stored = self._layout[name]
        count = math.prod(stored.shape)
        array = np.frombuffer(self._view, stored.kind, count, self._starts[name])
        sha256 = hashlib.sha256(_plain(array)).hexdigest()
        if sha256 != stored.sha256:
            raise CorruptError(
                f"{self.path}: wanted sha256 {stored.sha256} of {name}, got {sha256}: the file is "
                "damaged",
                self._remedy,
            )
        return array.reshape(stored.shape)


def _head(layout: ArrayLayout) -> bytes:
    """What the file begins with: the length of the index, 8 bytes, and the index as JSON."""
    index, begin = {}, 0
    for name in _order(layout):
        stored = layout[name]
        span = [begin, begin + stored.size]
        index[name] = {"dtype": stored.dtype, "shape": stored.shape, "data_offsets": span}
        begin += stored.size
    text = json.dumps(index, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGN)
    return len(text).to_bytes(8, "little") + text


def _order(layout: ArrayLayout) -> list[str]:
    return sorted(layout, key=lambda name: (-layout[name].kind.itemsize, name))


def _plain(array: NDArray[Any]) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data
