"""Turn a label PNG into class indices, once, with one table.

In:  an index PNG (8-bit, 16-bit or palette) and the ids of a vocabulary.
Out: int64 [H, W] holding 0..C-1, or IGNORE where the pixel is not labelled.

A value that is neither a class id nor an ignore id is refused: shifted or doubly shifted ids are
the most repeated evaluation error (mmsegmentation#1509, semseg#90), and all of them show as one.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError
from langseg.segmenter.data.images import load_image

IGNORE = -1  # inside the program; far from any class, also beyond 255 of them (CAT-Seg#34)
_UNKNOWN = -2
_VALUES = 1 << 16  # what a 16-bit PNG can hold
_SPREAD = {2: 85, 4: 17}  # Pillow stretches 2- and 4-bit grey to 0..255: value 3 arrives as 255


class LabelRule:
    """Which file value means which class.

    Args:
        ids: file value of class 0, 1, ... C-1 (TextBank.ids).
        ignore_ids: file values that mean "not labelled"; one the ids also use is an InputError.
    """

    def __init__(self, ids: Sequence[int], ignore_ids: Sequence[int]) -> None:
        values = [*ids, *ignore_ids]
        if len(set(ids)) != len(ids) or set(ids) & set(ignore_ids):
            raise InputError("label ids: wanted each id once, and none of them also ignored")
        if not ids or min(values) < 0 or max(values) >= _VALUES:
            raise InputError(f"label ids: wanted at least one, all in 0..{_VALUES - 1}")
        self.ids = tuple(ids)
        self.ignore_ids = tuple(ignore_ids)
        self._table = np.full(_VALUES, _UNKNOWN, np.int64)
        self._table[list(ignore_ids)] = IGNORE
        self._table[list(ids)] = np.arange(len(ids))

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.ids)

    def read(self, path: Path) -> NDArray[np.int64]:
        """Class indices [H, W] of one label file.

        Raises: InputError, for a file that is no index PNG, and for an unknown value.
        """
        raw = _read_index_png(path)
        labels = self._table[raw]
        unknown = labels == _UNKNOWN
        if unknown.any():
            values, counts = np.unique(raw[unknown], return_counts=True)
            others = f" (and {len(values) - 1} other unknown values)" if len(values) > 1 else ""
            raise InputError(
                f"{path}: label value {values[0]} on {counts[0]} pixels{others} is neither a class "
                f"id ({_span(self.ids)}) nor an ignore id ({_span(self.ignore_ids)}); check that "
                "the labels and the vocabulary belong together"
            )
        return labels


def _read_index_png(path: Path) -> NDArray[np.int64]:
    """Raw values [H, W]; of a palette PNG the index, not the colour."""
    image = load_image(path, formats=("PNG",))
    if image.mode not in ("1", "L", "P", "I", "I;16"):
        raise InputError(
            f"{path}: wanted a label PNG with one value per pixel (8-bit, 16-bit or palette), got "
            f"colours ({image.mode}); convert the colours to class ids first"
        )
    return np.asarray(image).astype(np.int64) // _spread(path)


def _spread(path: Path) -> int:
    """Factor by which Pillow multiplies the stored values of this PNG."""
    with path.open("rb") as file:
        bit_depth, colour_type = file.read(26)[24:]  # IHDR is always first
    return _SPREAD.get(bit_depth, 1) if colour_type == 0 else 1


def _span(ids: Sequence[int]) -> str:
    """``1..150`` for a run of ids, a list for a few, "none" for none."""
    if not ids:
        return "none"
    if len(ids) > 2 and list(ids) == list(range(ids[0], ids[-1] + 1)):
        return f"{ids[0]}..{ids[-1]}"
    shown = ", ".join(map(str, ids[:12]))
    return shown if len(ids) <= 12 else f"{shown}, ..."
