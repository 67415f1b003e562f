"""Noise, colours and shading for the demo renderer.

In:  surface coordinates in metres, colours (RGB, 0..255).
Out: values and colours per pixel, and factors that shade a shape.

Noise is looked up in two fixed tables, so it is the same on every machine and needs no state.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from langseg.segmenter.demo_world.canvas import Colour, Grid, Shade

_TABLE = 512  # texels a side of the noise table
_TEXELS = 16  # per noise cell
_HASH = 4096


@lru_cache(maxsize=1)
def _noise_table() -> Grid:
    """Smooth value noise in -1..1, [512, 512], that wraps around."""
    grid = np.random.default_rng(71).random((_TABLE // _TEXELS,) * 2, dtype=np.float32) * 2 - 1
    t = np.arange(_TEXELS, dtype=np.float32) / _TEXELS
    ease = t * t * (3 - 2 * t)
    rows = grid[:, None, :] + (np.roll(grid, -1, 0) - grid)[:, None, :] * ease[None, :, None]
    rows = rows.reshape(_TABLE, -1)
    both = rows[:, :, None] + (np.roll(rows, -1, 1) - rows)[:, :, None] * ease[None, None, :]
    table: Grid = np.ascontiguousarray(both.reshape(_TABLE, _TABLE), dtype=np.float32)
    return table


@lru_cache(maxsize=1)
def _hash_table() -> Grid:
    table: Grid = np.random.default_rng(72).random(_HASH, dtype=np.float32) * 2 - 1
    return table


def noise(u: Grid, v: Grid, cell: float, seed: int = 0, soft: bool = False) -> Grid:
    """Value noise in -1..1 with features of ``cell`` metres.

    ``soft`` interpolates between table entries: for features of dozens of pixels.
    """
    y, x = v * np.float32(_TEXELS / cell), u * np.float32(_TEXELS / cell)
    row, column = np.floor(y), np.floor(x)
    i = (row.astype(np.int64) + seed * 97) & (_TABLE - 1)
    j = (column.astype(np.int64) + seed * 193) & (_TABLE - 1)
    table = _noise_table()
    if not soft:
        nearest: Grid = table[i, j]
        return nearest
    below, right, s, t = (i + 1) & (_TABLE - 1), (j + 1) & (_TABLE - 1), x - column, y - row
    upper = table[i, j] * (1 - s) + table[i, right] * s
    value: Grid = upper * (1 - t) + (table[below, j] * (1 - s) + table[below, right] * s) * t
    return value


def fractal(u: Grid, v: Grid, cell: float, seed: int = 0, soft: bool = False) -> Grid:
    """Three octaves of noise, about -1..1."""
    coarse = noise(u, v, cell, seed, soft)
    middle = noise(u, v, cell / 2, seed + 11, soft)
    value: Grid = coarse + middle * 0.5 + noise(u, v, cell / 4, seed + 23, soft) * 0.25
    return value * np.float32(0.7)


def cell_value(i: Grid, j: Grid, seed: int = 0) -> Grid:
    """One value in -1..1 for each pair of whole numbers."""
    index = i.astype(np.int64) * 1597 + j.astype(np.int64) * 51749 + seed * 7919
    value: Grid = _hash_table()[index & (_HASH - 1)]
    return value


def vary(rng: np.random.Generator, colour: Colour, amount: float = 10.0) -> Colour:
    """The colour moved at random: brightness by ``amount``, hue by a third of it."""
    shift = rng.uniform(-amount, amount)
    red, green, blue = (float(c + shift + rng.uniform(-amount, amount) / 3) for c in colour)
    return red, green, blue


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """One of the colours."""
    return colours[int(rng.integers(len(colours)))]


def darker(colour: Colour, factor: float) -> Colour:
    """The colour times ``factor``."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def tint(colour: Colour, tone: Grid) -> Grid:
    """The colour with ``tone`` [h, w] added to every channel: [h, w, 3]."""
    rgb: Grid = np.asarray(colour, np.float32) + tone[..., None]
    return rgb


def mix(low: Colour, high: Colour, share: Grid) -> Grid:
    """From ``low`` at share 0 to ``high`` at share 1: [h, w, 3]."""
    base = np.asarray(low, np.float32)
    rgb: Grid = base + (np.asarray(high, np.float32) - base) * np.clip(share, 0, 1)[..., None]
    return rgb


def zigzag(phase: Grid) -> Grid:
    """A triangle wave in 0..1 with period 1: 1 at whole numbers, 0 half way."""
    wave: Grid = np.abs(phase - np.floor(phase) - 0.5) * 2
    return wave


def scaled(factor: float) -> Shade:
    """The same brightness everywhere."""
    return lambda s, t: np.full(np.broadcast(s, t).shape, factor, np.float32)


def upward(bottom: float, top: float) -> Shade:
    """Brightness from ``bottom`` to ``top``."""
    return lambda s, t: bottom + (top - bottom) * t


def onward(start: float, end: float) -> Shade:
    """Brightness from ``start`` to ``end`` along s."""
    return lambda s, t: start + (end - start) * s


def pleated(folds: float, phase: float = 0.0) -> Shade:
    """Hanging cloth: ``folds`` of light and dark side by side."""
    return lambda s, t: 0.72 + 0.36 * zigzag(s * folds + phase)


def rounded(dark: float = 0.72, bright: float = 1.12) -> Shade:
    """A column or a ball lit from the upper left."""

    def shade(s: Grid, t: Grid) -> Grid:
        lit = 1 - np.clip(np.abs(s - 0.36) * 1.6, 0, 1) ** 2
        factor: Grid = (dark + (bright - dark) * lit) * (0.93 + 0.1 * t)
        return factor

    return shade
