"""Hold labels in memory, so that those who look again and again read each file once.

In:  Samples and a LabelRule.
Out: class indices of any of them; MOST pictures at most are held, packed (one of 683 x 512 takes
     some 10 KB).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import Sample, read_labels

MOST = 65536


class PackedLabels:
    """Labels of samples by their places, as ``read_labels`` gives them, but for their type."""

    def __init__(self, samples: Sequence[Sample], rule: LabelRule) -> None:
        self._packed = lru_cache(MOST)(lambda index: _Packed.of(read_labels(samples[index], rule)))

    def __getitem__(self, index: int) -> NDArray[np.int16]:
        return self._packed(index).labels()


@dataclass(frozen=True)
class _Packed:
    """Labels of a picture; C is at most 2^15."""

    data: bytes
    shape: tuple[int, ...]

    @classmethod
    def of(cls, labels: NDArray[np.int64]) -> "_Packed":
        return cls(zlib.compress(labels.astype(np.int16).tobytes(), 1), labels.shape)

    def labels(self) -> NDArray[np.int16]:
        flat = np.frombuffer(zlib.decompress(self.data), np.int16)
        return flat.reshape(self.shape)
