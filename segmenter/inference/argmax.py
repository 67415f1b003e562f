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

TILE_PX = 32  # side of a tile of the mask: small enough to prune well, large enough to pay
# In units of the largest logit. Plain and ours each differ from the exact value by 4 roundings of
# 2^-24 (2.1 measured), an edge adds 3; 24 for the gap between two classes would be enough.
MARGIN = 64 * 2.0**-24
# On the CPU torch interpolates 3 channels, or a result with H + W <= 128, with kernels of their
# own, whose weights round differently (ATen's UpSampleKernel.cpp). All calls here that must
# agree bit by bit stay on the general kernel: from 16 channels on, each is computed alone.
_FEW = 16
_SMALL = 128
_TINY = 1e-37  # rounding of numbers so small that they lose bits, or are flushed to zero
_HUGE = 1e37  # beyond it differences of logits overflow
_CHUNK_FLOATS = 1 << 25  # 128 MiB of upsampled logits at a time in the plain way
Floats = NDArray[np.float32]


def argmax_upsampled(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """The class of every pixel.

    Args:
        logits: [C, h, w], finite; compared in float32.
        size: (H, W) of the result.

    The plain way is taken where pruning is not exact or does not pay: shrinking, fewer than 16
    classes, results with H + W <= 128, and on an accelerator, where memory is the limit.

    Raises: LangSegError, for NaN or infinite logits. Leave a class out rather than set it to
    minus infinity: interpolation makes NaN of it.
    """
    logits = logits.detach().float().contiguous()
    low, high = torch.aminmax(logits)
    largest = max(-float(low), float(high), 0.0) if low <= high else float("nan")
    if not np.isfinite(largest):
        raise LangSegError("argmax: wanted finite logits, got NaN or infinity")
    _, h, w = logits.shape
    upsampling = 2 <= h <= size[0] and 2 <= w <= size[1] and sum(size) > _SMALL
    if logits.device.type != "cpu" or not upsampling or len(logits) < _FEW or largest > _HUGE:
        return _plain(logits, size)
    return _pruned(logits, size, MARGIN * largest + _TINY)


def _plain(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """All classes in chunks of bounded memory, with a running best."""
    pieces = -(-len(logits) * size[0] * size[1] // _CHUNK_FLOATS)
    best, start = None, 0
    for chunk in logits.tensor_split(max(1, min(pieces, len(logits) // _FEW))):
        full = F.interpolate(chunk[None], size=size, mode="bilinear", align_corners=False)
        value, index = full[0].max(dim=0)
        if best is None:
            best, winner = value, index
        else:
            winner = torch.where(value > best, index + start, winner)
            best = torch.maximum(value, best)
        start += len(chunk)
    return winner


@dataclass(frozen=True)
class _Block:
    """Low-resolution lines ``first`` to ``last``, and the output lines that lie between them.

    ``weight`` [output lines, last - first + 1]: how much of each goes into each.
    """

    first: int
    last: int
    out: slice
    weight: Floats


def _pruned(logits: Tensor, size: tuple[int, int], margin: float) -> Tensor:
    columns = _blocks(logits.shape[2], size[1])
    winner = np.empty(size, np.int64)
    unsure = np.zeros(size, np.bool_)
    contender = np.zeros(len(logits), np.bool_)
    for rows in _blocks(logits.shape[1], size[0]):
        band = logits[:, rows.first : rows.last + 1]
        for block, classes in zip(columns, _survivors(band, columns, margin), strict=True):
            tile = rows.out, block.out
            part: Floats = band.numpy()[classes, :, block.first : block.last + 1]
            near = _near_the_top(part, rows.weight, block.weight, margin)
            index, unsure[tile] = _only_one(near)
            winner[tile] = classes[index]
            contender[classes[near.swapaxes(0, 1)[:, unsure[tile]].any(axis=1)]] = True
    if unsure.any():
        among = np.flatnonzero(contender)
        among = np.resize(among, max(len(among), _FEW))  # a few are repeated
        winner[unsure] = among[_plain(logits[torch.from_numpy(among)], size).numpy()[unsure]]
    return torch.from_numpy(winner)


def _blocks(n_in: int, n_out: int) -> list[_Block]:
    """Cut one axis of ``n_in`` >= 2 lines into blocks of cells; a cell joins two lines."""
    lines = torch.zeros(n_in + _FEW, n_in, 1, dtype=torch.float32, device="cpu")
    lines[:n_in, :, 0].fill_diagonal_(1)
    # Interpolating each line alone gives its share in the output exactly as torch rounds it.
    size = n_out, max(1, _SMALL + 1 - n_out)
    share = F.interpolate(lines[None], size=size, mode="bilinear", align_corners=False)
    weight = share[0, :n_in, :, 0].T.numpy()
    cell = np.minimum((weight > 0).argmax(axis=1), n_in - 2)
    step = max(1, TILE_PX * n_in // n_out)
    blocks = []
    for first in range(0, n_in - 1, step):
        last = min(first + step, n_in - 1)
        start, stop = np.searchsorted(cell, (first, last))
        blocks.append(
            _Block(first, last, slice(start, stop), weight[start:stop, first : last + 1].copy())
        )
    return blocks


def _survivors(band: Tensor, columns: list[_Block], margin: float) -> Iterator[NDArray[np.int64]]:
    """For each block of a band [C, lines, w], the classes that can win in one of its cells."""
    high = torch.maximum(band[:, :-1], band[:, 1:])
    high = torch.maximum(high[:, :, :-1], high[:, :, 1:])
    low = torch.minimum(band[:, :-1], band[:, 1:])
    low = torch.minimum(low[:, :, :-1], low[:, :, 1:])
    lead = (high - (low.amax(dim=0) - margin)).amax(dim=1).numpy()  # [C, w - 1]
    for block_lead in np.maximum.reduceat(lead, [block.first for block in columns], axis=1).T:
        yield np.flatnonzero(block_lead >= 0)


def _near_the_top(
    part: Floats, weight_y: Floats, weight_x: Floats, margin: float
) -> NDArray[np.bool_]:
    """Which of k classes [k, lines, lines] may be the best: [H', k, W'], one or more a pixel."""
    k, lines_y, lines_x = part.shape
    if k == 1:
        return np.ones((len(weight_y), 1, len(weight_x)), np.bool_)
    stacked = part.swapaxes(0, 1).reshape(lines_y, k * lines_x)
    values = (weight_y @ stacked).reshape(-1, lines_x) @ weight_x.T
    values = values.reshape(len(weight_y), k, len(weight_x))
    near: NDArray[np.bool_] = values >= (values.max(axis=1) - np.float32(margin))[:, None]
    return near


def _only_one(near: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The one class near the top, and where there is more than one (the class is then 0).

    One product sums ones and indices over k, in less than half the time of an argmax.
    """
    k = near.shape[1]
    weights = np.stack([np.ones(k), np.arange(k)]).astype(np.float32)
    sums = weights @ near.astype(np.float32)
    several = sums[:, 0] > 1
    return np.where(several, 0, sums[:, 1]).astype(np.int64), several
