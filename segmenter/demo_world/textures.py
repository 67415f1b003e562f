"""Procedural surfaces: masonry, wood, fabric, foliage, water, ground.

In:  a random generator and a base colour (RGB, 0..255).
Out: a ``Paint``: colours [h, w, 3] from surface coordinates in metres and the pixel's footprint.

Chance is used when a surface is made, never when it is evaluated.
"""

import numpy as np

from langseg.segmenter.demo_world.canvas import Colour, Grid, Paint
from langseg.segmenter.demo_world.noise import (
    cell_value,
    darker,
    fractal,
    mix,
    noise,
    tint,
    vary,
    zigzag,
)

Rng = np.random.Generator
_MORTAR: Colour = (206, 196, 182)


def plain(rng: Rng, colour: Colour, mottle: float = 5.0, cell: float = 0.5) -> Paint:
    """Nearly one colour: plaster, enamel, cloth."""
    base, seed = vary(rng, colour), _seed(rng)
    return lambda u, v, px: tint(base, fractal(u, v, cell, seed) * np.float32(mottle))


def courses(
    rng: Rng,
    colour: Colour,
    joint: Colour,
    size: tuple[float, float],
    gap: float,
    *,
    stagger: float = 0.0,
    variety: float = 14.0,
    grain: float = 5.0,
) -> Paint:
    """Rows of equal pieces with joints ``gap`` metres wide: bricks, tiles, slabs, planks.

    ``size`` is (length, height) in metres; ``stagger`` shifts each row by a share of the length
    (0.5: every other row); ``variety`` is how much the pieces differ in tone. Joints fade into
    an even tone where they get finer than a pixel.
    """
    base, seed, (length, height) = vary(rng, colour), _seed(rng), size
    share = gap / length + gap / height

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        row = np.floor(v / height)
        along = u / length + (stagger * row if stagger != 0.5 else (row % 2) * 0.5)
        column = np.floor(along)
        du, dv = along - column, v / height - row
        edge = np.minimum(np.minimum(du, 1 - du) * length, np.minimum(dv, 1 - dv) * height)
        line = np.clip((gap / 2 - edge) / px + 0.5, 0, 1)
        fade = np.clip(2 - 2.5 * px / min(length, height), 0, 1)
        tone = cell_value(row, column, seed) * variety * fade
        body = tint(base, tone + fractal(u, v, height * 1.5, seed) * grain)
        cover = (line * fade + share * (1 - fade))[..., None]
        rgb: Grid = body + (np.asarray(joint, np.float32) - body) * cover
        return rgb

    return paint


def bricks(rng: Rng, colour: Colour, size: float = 1.0) -> Paint:
    """Staggered rows of blocks between pale mortar lines."""
    piece = (0.36 * size, 0.14 * size)
    return courses(rng, colour, _MORTAR, piece, 0.028 * size, stagger=0.5, variety=20)


def planks(rng: Rng, colour: Colour, width: float = 0.16) -> Paint:
    """Boards along v, with grain running their way."""
    boards = courses(rng, colour, darker(colour, 0.5), (1.9, width), 0.014, stagger=0.37)
    seed = _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        streaks = noise(v * np.float32(0.12), u, 0.03, seed) * 5
        rgb: Grid = boards(v, u, px) + streaks[..., None]
        return rgb

    return paint


def turned(paint: Paint) -> Paint:
    """The same surface with u and v exchanged."""
    return lambda u, v, px: paint(v, u, px)


def tiles(rng: Rng, colour: Colour, joint: Colour, size: float = 0.3) -> Paint:
    """A square grid of smooth tiles."""
    return courses(rng, colour, joint, (size, size), size * 0.07, variety=5, grain=2)


def checks(rng: Rng, one: Colour, other: Colour, size: float = 0.4) -> Paint:
    """Two colours in alternating squares."""
    first, second, seed = vary(rng, one), vary(rng, other), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        odd = (np.floor(u / size) + np.floor(v / size)) % 2
        fade = np.clip(2 - 2 * px / size, 0, 1)
        rgb = mix(first, second, odd * fade + 0.5 * (1 - fade))
        mottled: Grid = rgb + (fractal(u, v, 0.5, seed) * 4)[..., None]
        return mottled

    return paint


def stripes(rng: Rng, one: Colour, other: Colour, width: float, across: bool = False) -> Paint:
    """Even bands ``width`` metres wide; along v, or along u where ``across``."""
    first, second = vary(rng, one), vary(rng, other)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        wave = zigzag((v if across else u) / (2 * width))
        return mix(first, second, np.clip((wave - 0.5) * 2 * width / px + 0.5, 0, 1))

    return paint


def motifs(rng: Rng, ground: Colour, motif: Colour, size: float) -> Paint:
    """A lattice of diamonds with dots between them: printed cloth, carpets."""
    base, mark = vary(rng, ground), vary(rng, motif)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        du = np.abs(u / size - np.round(u / size))
        dv = np.abs(v / size - np.round(v / size))
        diamond = np.clip((0.27 - du - dv) * size / px + 0.5, 0, 1)
        dot = np.clip((0.14 - (0.5 - du) - (0.5 - dv)) * size / px + 0.5, 0, 1)
        return mix(base, mark, np.maximum(diamond, dot))

    return paint


def cobbles(rng: Rng, colour: Colour, size: float) -> Paint:
    """Rounded stones in staggered rows, dark between them."""
    base, seed = vary(rng, colour), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        row = np.floor(v / size)
        along = u / size + (row % 2) * 0.5
        column = np.floor(along)
        bulge = 1 - 4 * ((along - column - 0.5) ** 2 + (v / size - row - 0.5) ** 2)
        fade = np.clip(2 - 2.5 * px / size, 0.15, 1)
        tone = np.clip(bulge, -0.4, 1) * 52 - 18 + cell_value(row, column, seed) * 18
        return tint(base, tone * fade)

    return paint


def speckle(rng: Rng, colour: Colour, amount: float, cell: float = 0.05, drift: float = 6) -> Paint:
    """Fine grains over slow drifts: asphalt, gravel, sand, shag, straw."""
    base, seed = vary(rng, colour, 7), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        grains = cell_value(np.floor(u / cell), np.floor(v / cell), seed)
        calm = np.clip(cell / px * 1.4, 0.3, 1)
        return tint(base, grains * amount * calm + fractal(u, v, 2.5, seed) * drift)

    return paint


def leaves(rng: Rng, dark: Colour, light: Colour, cell: float = 0.25) -> Paint:
    """Clumps of foliage: lit tops, dark gaps, small dots of light."""
    low, high, seed = vary(rng, dark), vary(rng, light), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        clumps = fractal(u, v, cell * 2.5, seed) * 0.45 + 0.5
        dots = cell_value(np.floor(u / cell * 2.4), np.floor(v / cell * 2.4), seed)
        return mix(low, high, clumps + dots * 0.24 * np.clip(cell / px * 0.6, 0.4, 1))

    return paint


def blades(rng: Rng, dark: Colour, light: Colour, length: float) -> Paint:
    """Grass: strokes ``length`` metres long, patchy over a few metres."""
    low, high, seed = vary(rng, dark, 6), vary(rng, light, 6), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        long, short = noise(u * 3, v, length * 1.2, seed), noise(u * 4, v, length / 3, seed)
        patches = fractal(u, v, 3.0, seed + 5, soft=True) * 0.22
        calm = np.clip(length * 0.6 / px, 0.3, 1)
        return mix(low, high, 0.5 + patches + (long * 0.3 + short * 0.2) * calm)

    return paint


def swell(rng: Rng, deep: Colour, crest: Colour, length: float, height: float) -> Paint:
    """Water or rippled sand: bands across the view, ``length`` metres apart, bent by noise."""
    low, high, seed = vary(rng, deep, 6), vary(rng, crest, 6), _seed(rng)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        wave = zigzag(v / length + fractal(u, v, length * 3, seed) * 0.7) - 0.5
        glints = noise(u / 5, v, length / 3, seed + 3) * 0.4
        return mix(low, high, 0.5 + (wave + glints) * height * np.clip(length / px / 2, 0.25, 1))

    return paint


def _seed(rng: Rng) -> int:
    return int(rng.integers(997))
