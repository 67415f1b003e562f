"""Upsample class logits and take the best class, without upsampling the classes that cannot win.

In:  float logits [C, h, w] of one picture, and the size of the mask.
Out: int64 [H, W], equal in every pixel to ``F.interpolate(bilinear, align_corners=False)``
     followed by ``argmax``, ties included (both give the lowest index).

Three steps for each tile, on the CPU:

1. *Prune.* A bilinear value lies between the smallest and the largest of four corners, so a
   class whose largest corner is below another's smallest cannot win in that cell; a class that
   can win in no cell of the tile is left out.
2. *Filter.* The tile's classes are interpolated as two small matrix products. Their rounding
   differs from the plain way's in the last bits, so a pixel is settled only where the best
   class leads by more than both roundings can be (the floating-point filter of exact geometry).
3. *Settle.* The few pixels left are decided by the plain way, over the few classes near the
   top in any of them.

numpy multiplies the matrices, because torch may be told to use bfloat16 for that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.errors import LangSegError

TILE = 8  # low-resolution cells on a side
# Plain value against ours: at most 12 roundings of 2^-24 of the largest logit, 24 for a gap.
MARGIN = 64 * 2.0**-24
_TINY = 1e-37  # rounding of numbers so small that they lose bits, or are flushed to zero
_HUGE = 1e37  # beyond it differences of logits overflow
_CHUNK_FLOATS = 1 << 25  # 128 MiB of upsampled logits at a time in the plain way
Floats = NDArray[np.float32]


def argmax_upsampled(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """The class of every pixel.

    Args:
        logits: [C, h, w], finite; compared in float32.
        size: (H, W) of the result. Smaller than h or w means plain interpolation, and so do
            logits on an accelerator, where memory and not arithmetic is the limit.

    Raises: LangSegError, for NaN or infinite logits. Leave a class out rather than set it to
    minus infinity: interpolation makes NaN of it.
    """
    logits = logits.detach().float().contiguous()
    largest = float(logits.abs().amax())
    if not np.isfinite(largest):
        raise LangSegError("argmax: wanted finite logits, got NaN or infinity")
    _, h, w = logits.shape
    upsampling = 2 <= h <= size[0] and 2 <= w <= size[1]
    if logits.device.type != "cpu" or not upsampling or largest > _HUGE:
        return _plain(logits, size)
    return _pruned(logits, size, np.float32(MARGIN * largest + _TINY))


def _plain(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """All classes in chunks of bounded memory, with a running best."""
    pieces = -(-logits.shape[0] * size[0] * size[1] // _CHUNK_FLOATS)
    best, start = None, 0
    for chunk in logits.tensor_split(min(pieces, -(-logits.shape[0] // 8))):
        full = F.interpolate(chunk[None], size=size, mode="bilinear", align_corners=False)
        value, index = full[0].max(dim=0)
        if best is None:
            best, winner = value, index
        else:
            winner = torch.where(value > best, index + start, winner)
            best = torch.maximum(value, best)
        start += chunk.shape[0]
    return winner


@dataclass(frozen=True)
class _Block:
    """Low-resolution lines ``first``..``last`` and the output lines between them.

    ``weight`` [output lines, last - first + 1] holds what each takes of each.
    """

    first: int
    last: int
    out: slice
    weight: Floats


def _pruned(logits: Tensor, size: tuple[int, int], margin: np.float32) -> Tensor:
    maps: Floats = logits.numpy()
    columns = _blocks(maps.shape[2], size[1])
    winner = np.empty(size, np.int64)
    unsure = np.zeros(size, np.bool_)
    contender = np.zeros(len(maps), np.bool_)
    for rows in _blocks(maps.shape[1], size[0]):
        band = maps[:, rows.first : rows.last + 1]
        for block, kept in zip(columns, _survivors(band, columns, margin), strict=True):
            part = np.ascontiguousarray(
                band[kept, :, block.first : block.last + 1].transpose(1, 0, 2)
            )
            index, near = _filter(part, rows.weight, block.weight, margin)
            winner[rows.out, block.out] = kept[index]
            tied = ...
    return torch.from_numpy(winner)
