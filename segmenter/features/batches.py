"""Cut training windows out of kept features.

In:  KeptFeatures, their Samples, and a LabelRule.
Out: FeatureBatches, a pure function of (seed, step) as ``data.loader.batches`` are.

A step then costs the head alone. What is given up is chance: a picture has the views that are
kept and no other, and a window begins at whole patches. In memory are one batch, and labels
(``data.packed``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.loader import sample_order
from langseg.segmenter.data.packed import PackedLabels
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.features.kept import KeptFeatures, features_of
from langseg.segmenter.features.store import Maps
from langseg.segmenter.features.views import view_labels

_STREAM = 2  # keeps these random numbers apart from those of order and augmentation


@dataclass(frozen=True)
class FeatureBatch:
    """``features`` of B square windows, float32; ``labels`` int64 [B, side, side]."""

    features: Features
    labels: Tensor
    scenes: tuple[str, ...]


def feature_batches(
    kept: KeptFeatures, samples: Sequence[Sample], rule: LabelRule, *, crop: int, seed: int,
    batch_size: int, start_step: int = 0, shares: bytes | None = None, rank: int = 0,
    world_size: int = 1,
) -> Iterator[FeatureBatch]:  # fmt: skip
    """Batches of steps ``start_step``, ``start_step`` + 1, ... without end.

    Args: crop: side of the windows in pixels; they have as many whole patches as it holds. A view
        that is smaller is filled up with zeros, and its labels with IGNORE. Others as for
        ``data.loader.batches``.
    """
    grid = crop // kept.patch
    packed = PackedLabels(samples, rule)

    def window(position: int) -> tuple[Maps, NDArray[np.int64], str]:
        epoch, turn = divmod(position, len(samples))
        index = int(sample_order(seed, epoch, len(samples), shares)[turn])
        draw = index if shares is None else len(samples) + turn  # one that comes again differs
        first = int(np.random.default_rng((_STREAM, seed, draw)).integers(kept.views))
        number = (first + epoch) % kept.views  # each view of a picture as often as any other
        view = kept.view(index, number)
        rng = np.random.default_rng((_STREAM, seed, epoch, draw))
        h, w = (pixels // kept.patch for pixels in view.window[2:])
        top, left = (int(rng.integers(max(1, size - grid + 1))) for size in (h, w))
        maps = kept.maps(index, number, (top, left, min(grid, h), min(grid, w)))
        y, x, side = top * kept.patch, left * kept.patch, grid * kept.patch
        labels = view_labels(packed[index], view)[y : y + side, x : x + side]
        return _filled_up(maps, grid), _filled_up_labels(labels, side), samples[index].scene

    block = start_step * world_size + rank
    while True:
        positions = range(block * batch_size, (block + 1) * batch_size)
        maps, labels, scenes = zip(*map(window, positions), strict=True)
        yield FeatureBatch(
            features_of(maps, kept.patch), torch.from_numpy(np.stack(labels)), scenes
        )
        block += world_size


def _filled_up(maps: Maps, grid: int) -> Maps:
    _, h, w, _ = maps.taps.shape
    if (h, w) == (grid, grid):
        return maps
    return Maps(F.pad(maps.taps, (0, 0, 0, grid - w, 0, grid - h)), maps.cls)


def _filled_up_labels(labels: NDArray[np.int16], side: int) -> NDArray[np.int64]:
    filled = np.full((side, side), IGNORE, np.int64)
    filled[: labels.shape[0], : labels.shape[1]] = labels
    return filled
