"""Procedural surfaces: masonry, wood, fabric, foliage, water, ground.

In:  a random generator and a base colour (RGB, 0..255).
Out: a ``Paint``: colours [h, w, 3] from surface coordinates in metres and the pixel's footprint.

Chance is used only when a surface is made; its noise is then looked up in two fixed tables, so
the same surface has the same colours wherever it is evaluated.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from langseg.segmenter.demo_canvas import F32, Colour, Paint, Shade

_TABLE = 512  # texels a side of the noise table
_TEXELS = 16  # per noise cell
_HASH = 4096


@lru_cache(maxsize=1)
def _noise_table() -> F32:
    """Smooth value noise in -1..1, [512, 512], that wraps around."""
    grid = np.random.default_rng(71).random((_TABLE // _TEXELS,) * 2, dtype=np.float32) * 2 - 1
    t = np.arange(_TEXELS, dtype=np.float32) / _TEXELS
    ease = t * t * (3 - 2 * t)
    rows = grid[:, None, :] + (np.roll(grid, -1, 0) - grid)[:, None, :] * ease[None, :, None]
    rows = rows.reshape(_TABLE, -1)
    both = rows[:, :, None] + (np.roll(rows, -1, 1) - rows)[:, :, None] * ease[None, None, :]
    return np.ascontiguousarray(both.reshape(_TABLE, _TABLE))


@lru_cache(maxsize=1)
def _hash_table() -> F32:
    return np.random.default_rng(72).random(_HASH, dtype=np.float32) * 2 - 1


def noise(u: F32, v: F32, cell: float, seed: int = 0) -> F32:
    """Value noise in -1..1 with features of ``cell`` metres."""
    scale = np.float32(_TEXELS / cell)
    i = (np.floor(v * scale).astype(np.int64) + seed * 97) & (_TABLE - 1)
    j = (np.floor(u * scale).astype(np.int64) + seed * 193) & (_TABLE - 1)
    return _noise_table()[i, j]


def fractal(u: F32, v: F32, cell: float, seed: int = 0) -> F32:
    """Three octaves of noise, about -1..1."""
    return (
        noise(u, v, cell, seed)
        + noise(u, v, cell / 2, seed + 11) * np.float32(0.5)
        + noise(u, v, cell / 4, seed + 23) * np.float32(0.25)
    ) * np.float32(0.7)


def cell_value(i: F32, j: F32, seed: int = 0) -> F32:
    """One value in -1..1 for each pair of whole numbers."""
    index = i.astype(np.int64) * 1597 + j.astype(np.int64) * 51749 + seed * 7919
    return _hash_table()[index & (_HASH - 1)]


def vary(rng: np.random.Generator, colour: Colour, amount: float = 10.0) -> Colour:
    """The colour moved at random: brightness by ``amount``, hue by a third of it."""
    shift = rng.uniform(-amount, amount)
    red, green, blue = (float(c + shift + rng.uniform(-amount, amount) / 3) for c in colour)
    return red, green, blue


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """One of the colours."""
    return colours[int(rng.integers(len(colours)))]


def tint(colour: Colour, tone: F32) -> F32:
    """The colour with ``tone`` [h, w] added to every channel: [h, w, 3]."""
    return np.asarray(colour, np.float32) + tone[..., None]


def mix(low: Colour, high: Colour, share: F32) -> F32:
    """From ``low`` at share 0 to ``high`` at share 1: [h, w, 3]."""
    base = np.asarray(low, np.float32)
    return base + (np.asarray(high, np.float32) - base) * np.clip(share, 0, 1)[..., None]


def scaled(factor: float) -> Shade:
    """The same brightness everywhere."""
    return lambda s, t: np.full(np.broadcast(s, t).shape, factor, np.float32)


def upward(bottom: float, top: float) -> Shade:
    """Brightness from ``bottom`` to ``top``."""
    return lambda s, t: (bottom + (top - bottom) * t).astype(np.float32)


def rounded(dark: float = 0.72, bright: float = 1.12) -> Shade:
    """A column or a ball lit from the upper left."""

    def shade(s: F32, t: F32) -> F32:
        lit = 1 - np.clip(np.abs(s - 0.36) * 1.6, 0, 1) ** 2
        return ((dark + (bright - dark) * lit) * (0.93 + 0.1 * t)).astype(np.float32)

    return shade


def plain(
    rng: np.random.Generator, colour: Colour, mottle: float = 5.0, cell: float = 0.5
) -> Paint:
    """Nearly one colour: plaster, enamel, cloth."""
    base, seed = vary(rng, colour), int(rng.integers(997))
    return lambda u, v, px: tint(base, fractal(u, v, cell, seed) * np.float32(mottle))


def courses(
    rng: np.random.Generator,
    colour: Colour,
    joint: Colour,
    *,
    length: float,
    height: float,
    gap: float,
    stagger: float = 0.0,
    variety: float = 14.0,
    grain: float = 5.0,
) -> Paint:
    """Rows of equal pieces with joints ``gap`` metres wide: bricks, tiles, slabs, planks.

    ``stagger`` shifts each row by a share of ``length``; ``variety`` is how much the pieces
    differ in tone. Joints fade into an even tone where they get finer than a pixel.
    """
    base, seed = vary(rng, colour), int(rng.integers(997))
    share = gap / length + gap / height

    def paint(u: F32, v: F32, px: F32) -> F32:
        row = np.floor(v / height)
        along = u / length + (stagger * row if stagger != 0.5 else (row % 2) * 0.5)
        column = np.floor(along)
        du, dv = along - column, v / height - row
        edge = np.minimum(
            np.minimum(du, 1 - du) * length, np.minimum(dv, 1 - dv) * height
        ).astype(np.float32)
        line = np.clip((gap / 2 - edge) / px + 0.5, 0, 1)
        fade = np.clip(2 - 2.5 * px / min(length, height), 0, 1)
        tone = cell_value(row, column, seed) * variety * fade
        tone = tone + fractal(u, v, height * 1.5, seed) * grain
        body = tint(base, tone.astype(np.float32))
        cover = (line * fade + share * (1 - fade))[..., None]
        return body + (np.asarray(joint, np.float32) - body) * cover

    return paint


def bricks(rng: np.random.Generator, colour: Colour = (158, 82, 62), size: float = 1.0) -> Paint:
    """Staggered rows of reddish blocks between pale mortar lines."""
    return courses(
        rng, colour, (206, 196, 182), length=0.36 * size, height=0.14 * size, gap=0.028 * size,
        stagger=0.5, variety=20,
    )  # fmt: skip


def planks(
    rng: np.random.Generator, colour: Colour = (164, 116, 72), width: float = 0.16
) -> Paint:
    """Boards along v, with grain running their way."""
    dark: Colour = (colour[0] * 0.52, colour[1] * 0.5, colour[2] * 0.48)
    boards = courses(
        rng, colour, dark, length=1.9, height=width, gap=0.014, stagger=0.37, variety=16
    )
    seed = int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        streaks = noise(v * np.float32(0.12), u, 0.03, seed) * 5
        return boards(v, u, px) + streaks[..., None]

    return paint


def turned(paint: Paint) -> Paint:
    """The same surface with u and v exchanged."""
    return lambda u, v, px: paint(v, u, px)


def tiles(
    rng: np.random.Generator, colour: Colour, joint: Colour = (236, 236, 232), size: float = 0.3
) -> Paint:
    """A square grid of smooth tiles."""
    return courses(
        rng, colour, joint, length=size, height=size, gap=size * 0.07, variety=5, grain=2
    )


def checks(rng: np.random.Generator, one: Colour, other: Colour, size: float = 0.4) -> Paint:
    """Two colours in alternating squares."""
    first, second, seed = vary(rng, one), vary(rng, other), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        odd = ((np.floor(u / size) + np.floor(v / size)) % 2).astype(np.float32)
        fade = np.clip(2 - 2 * px / size, 0, 1)
        share = odd * fade + 0.5 * (1 - fade)
        return mix(first, second, share) + (fractal(u, v, 0.5, seed) * 4)[..., None]

    return paint


def stripes(
    rng: np.random.Generator, one: Colour, other: Colour, width: float, across: bool = False
) -> Paint:
    """Even bands; along v, or along u where ``across``."""
    first, second = vary(rng, one), vary(rng, other)

    def paint(u: F32, v: F32, px: F32) -> F32:
        along = v if across else u
        phase = np.abs(along / (2 * width) - np.floor(along / (2 * width)) - 0.5) * 2
        share = np.clip((phase - 0.5) * 2 * width / px + 0.5, 0, 1)
        return mix(first, second, share + 0 * (u + v))

    return paint


def motifs(rng: np.random.Generator, ground: Colour, motif: Colour, size: float) -> Paint:
    """A lattice of diamonds with dots between them: printed cloth, carpets."""
    base, mark = vary(rng, ground), vary(rng, motif)

    def paint(u: F32, v: F32, px: F32) -> F32:
        du = np.abs(u / size - np.round(u / size))
        dv = np.abs(v / size - np.round(v / size))
        diamond = np.clip((0.27 - du - dv) * size / px + 0.5, 0, 1)
        dot = np.clip((0.14 - (0.5 - du) - (0.5 - dv)) * size / px + 0.5, 0, 1)
        return mix(base, mark, np.maximum(diamond, dot))

    return paint


def cobbles(rng: np.random.Generator, colour: Colour = (128, 122, 116), size: float = 0.3) -> Paint:
    """Rounded stones in staggered rows, dark between them."""
    base, seed = vary(rng, colour), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        row = np.floor(v / size)
        along = u / size + (row % 2) * 0.5
        column = np.floor(along)
        bulge = 1 - 4 * ((along - column - 0.5) ** 2 + (v / size - row - 0.5) ** 2)
        fade = np.clip(2 - 2.5 * px / size, 0.15, 1)
        tone = (np.clip(bulge, -0.4, 1) * 52 - 18 + cell_value(row, column, seed) * 18) * fade
        return tint(base, tone.astype(np.float32))

    return paint


def speckle(
    rng: np.random.Generator, colour: Colour, amount: float, cell: float = 0.05, drift: float = 6
) -> Paint:
    """Fine grains over slow drifts: asphalt, gravel, sand, terrazzo, shag."""
    base, seed = vary(rng, colour, 7), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        grains = cell_value(np.floor(u / cell), np.floor(v / cell), seed)
        calm = np.clip(cell / px * 1.4, 0.3, 1)
        return tint(base, grains * amount * calm + fractal(u, v, 2.5, seed) * drift)

    return paint


def leaves(rng: np.random.Generator, dark: Colour, light: Colour, cell: float = 0.25) -> Paint:
    """Clumps of foliage: lit tops, dark gaps, small dots of light."""
    low, high, seed = vary(rng, dark), vary(rng, light), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        clumps = fractal(u, v, cell * 2.5, seed) * 0.45 + 0.5
        dots = cell_value(np.floor(u / cell * 2.4), np.floor(v / cell * 2.4), seed)
        return mix(low, high, clumps + dots * 0.24 * np.clip(cell / px * 0.6, 0.4, 1))

    return paint


def blades(rng: np.random.Generator, dark: Colour, light: Colour, length: float) -> Paint:
    """Grass: upright strokes ``length`` metres long, streaked and patchy."""
    low, high, seed = vary(rng, dark, 6), vary(rng, light, 6), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        strokes = noise(u * 7, v, length * 2, seed) * 0.35
        patches = fractal(u, v, 3.0, seed + 5) * 0.22
        return mix(low, high, 0.5 + patches + strokes * np.clip(length * 0.6 / px, 0.35, 1))

    return paint


def swell(
    rng: np.random.Generator, deep: Colour, crest: Colour, length: float, height: float
) -> Paint:
    """Water or rippled sand: bands across the view, ``length`` metres apart, bent by noise."""
    low, high, seed = vary(rng, deep, 6), vary(rng, crest, 6), int(rng.integers(997))

    def paint(u: F32, v: F32, px: F32) -> F32:
        bend = fractal(u, v, length * 3, seed) * 0.7
        phase = v / length + bend
        wave = np.abs(phase - np.floor(phase) - 0.5) * 2
        glints = noise(u / 5, v, length / 3, seed + 3) * 0.4
        calm = np.clip(length / px / 2, 0.25, 1)
        return mix(low, high, 0.5 + ((wave - 0.5) * height + glints * height) * calm)

    return paint
