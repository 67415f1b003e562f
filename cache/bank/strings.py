"""Keep a column of many strings as three arrays, each distinct string once.

In:  the strings, or the arrays.
Out: ``codes`` [N], which of the M distinct strings each is; ``offsets`` [M + 1] into ``utf8``,
     where they stand one after the other (Arrow's dictionary encoding); or the strings again.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("codes", "offsets", "utf8")


def packed(strings: Iterable[str]) -> dict[str, NDArray[Any]]:
    """An array for each of ``PARTS``; codes are as narrow as their number allows."""
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in strings]
    encoded = [text.encode() for text in places]
    return {
        "codes": np.array(codes, np.min_scalar_type(max(0, len(places) - 1))),
        "offsets": np.array([*accumulate(map(len, encoded), initial=0)], np.int64),
        "utf8": np.frombuffer(b"".join(encoded), np.uint8),
    }


def unpacked(parts: Mapping[str, NDArray[Any]]) -> list[str]:
    """Raises: ValueError or IndexError, for arrays that ``packed`` does not make."""
    codes, offsets, utf8 = (parts[name] for name in PARTS)
    ends = offsets.tolist()
    if ends[0] != 0 or ends[-1] != len(utf8) or (np.diff(offsets) < 0).any():
        raise ValueError("wanted offsets from 0 to the end of the text, got others")
    written = utf8.tobytes()
    strings = [written[begin:end].decode() for begin, end in pairwise(ends)]
    return [strings[code] for code in codes.tolist()]
