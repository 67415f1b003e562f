"""Turn the ids of a label file into class indices, once, with one table.

In:  ids [H, W] as ``encodings`` reads them, and the ids of a vocabulary.
Out: int64 [H, W] holding 0..C-1, or IGNORE where the pixel is not labelled.

A value that is neither a class id nor an ignore id is refused: shifted or doubly shifted ids are
the most repeated evaluation error (mmsegmentation#1509, semseg#90), and all of them show as one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.segmenter.data.encodings import read_raw
from langseg.segmenter.data.sources import Source

IGNORE = -1  # inside the program; far from any class, also beyond 255 of them (CAT-Seg#34)
_UNKNOWN = -2
_VALUES = 1 << 16  # what a 16-bit PNG can hold


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
        self._table = np.full(_VALUES + 1, _UNKNOWN, np.int64)  # the last is what no file may hold
        self._table[list(ignore_ids)] = IGNORE
        self._table[list(ids)] = np.arange(len(ids))

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.ids)

    def classes_of(self, raw: NDArray[np.integer], where: object) -> NDArray[np.int64]:
        """Class indices [H, W] of a label file's ids; ``where`` names it.

        Raises: InputError, for an id that is neither a class's nor ignored.
        """
        fits = raw.dtype in (np.uint8, np.uint16) or (raw.min() >= 0 and raw.max() < _VALUES)
        labels = self._table[raw if fits else np.where((raw >= 0) & (raw < _VALUES), raw, -1)]
        unknown = labels == _UNKNOWN
        if unknown.any():
            values, counts = np.unique(raw[unknown], return_counts=True)
            more = counted(len(values) - 1, "other unknown value")
            others = f" (and {more})" if len(values) > 1 else ""
            raise InputError(
                f"{where}: label value {values[0]} on {counted(counts[0], 'pixel')}{others} is "
                f"neither a class id ({_span(self.ids)}) nor an ignore id "
                f"({_span(self.ignore_ids)}); check that the labels and the vocabulary belong "
                "together"
            )
        return labels

    def read(self, source: Source) -> NDArray[np.int64]:
        """Class indices [H, W] of an index PNG. Raises: InputError."""
        return self.classes_of(read_raw(source).ids, source)


def _span(ids: Sequence[int]) -> str:
    """``1..150`` for a run of ids, a list for a few, "none" for none."""
    if not ids:
        return "none"
    if len(ids) > 2 and list(ids) == list(range(ids[0], ids[-1] + 1)):
        return f"{ids[0]}..{ids[-1]}"
    shown = ", ".join(map(str, ids[:12]))
    return shown if len(ids) <= 12 else f"{shown}, ..."
