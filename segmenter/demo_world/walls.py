"""What is set into or hangs on the walls of the demo renderer's rooms.

In:  a canvas, a wall's plane, a place on it in metres, and the look to draw.
Out: the same canvas with a window, curtains, a door, a mirror or a painting on it.
"""

from collections.abc import Callable

import numpy as np

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Grid, Paint, Plane
from langseg.segmenter.demo_world.noise import darker, fractal, mix, pick, pleated, upward, vary
from langseg.segmenter.demo_world.room import CREAM
from langseg.segmenter.demo_world.shapes import Points, arch, bar, disc, rect
from langseg.segmenter.demo_world.textures import motifs, plain, stripes

_WHITE: Colour = (244, 242, 236)
_FRAMES: tuple[Colour, ...] = ((196, 158, 82), (92, 64, 44), (186, 190, 196))
_SHUTTERS: tuple[Colour, ...] = ((72, 120, 92), (60, 96, 142))
_DOORS: tuple[Colour, ...] = ((132, 82, 48), (106, 66, 42), (164, 110, 66))
_FLUSH_DOORS: tuple[Colour, ...] = ((176, 126, 80), (228, 222, 210), (110, 140, 150))
_STRIPES: tuple[Colour, ...] = ((70, 112, 158), (176, 84, 72))
_PRINTS: tuple[Colour, ...] = ((92, 128, 80), (182, 96, 70))
_STRONG: tuple[Colour, ...] = ((208, 52, 44), (38, 84, 168), (244, 196, 40), (32, 34, 40))
_DAY: tuple[Colour, Colour, Colour] = ((226, 240, 250), (140, 194, 238), (128, 168, 104))
_DUSK: tuple[Colour, Colour, Colour] = ((238, 156, 104), (56, 62, 110), (44, 52, 62))

Box = tuple[float, float, float, float]  # u, v of the lower left corner, width, height


def window(canvas: Canvas, plane: Plane, place: Box, look: str, daylight: bool) -> None:
    """A window with a sill; shutters stand beside the place given."""
    u, v, width, height = place
    thing = canvas.thing("windowpane", look)
    frame = _WHITE if canvas.chance(0.7) else (122, 84, 52)
    shape = arch if look == "arched window" else rect
    inner = shape(u + 0.07, v + 0.07, u + width - 0.07, v + height - 0.07)
    canvas.fill(thing, plane, [shape(u, v, u + width, v + height)], frame)
    canvas.fill(thing, plane, [inner], _view(canvas.rng, daylight, v, height))
    if look == "single-pane window":
        _glints(canvas, thing, plane, place, ((0.16, 0.14),), 0.35)
    else:
        columns, rows = (3, 4) if look == "grid window" else (2, 2)
        across = [u + width * k / columns for k in range(1, columns)]
        up = [v + height * k / rows for k in range(1, rows)]
        bars = [rect(x - 0.025, v + 0.05, x + 0.025, v + height - 0.05) for x in across]
        bars += [rect(u + 0.05, y - 0.025, u + width - 0.05, y + 0.025) for y in up]
        canvas.fill(thing, plane, bars, frame)
    if look == "shuttered window":
        colour = pick(canvas.rng, _SHUTTERS)
        slats = stripes(canvas.rng, colour, darker(colour, 0.6), 0.045, across=True)
        wings = [rect(x, v, x + width * 0.36, v + height) for x in (u - width * 0.36, u + width)]
        canvas.fill(thing, plane, wings, slats)
    canvas.fill(thing, plane, [rect(u - 0.06, v - 0.06, u + width + 0.06, v + 0.02)], frame)


def _view(rng: np.random.Generator, daylight: bool, v: float, height: float) -> Paint:
    """What is seen through the pane: sky above a band of garden."""
    low, high, ground = _DAY if daylight else _DUSK
    seed, line = int(rng.integers(99)), rng.uniform(0.1, 0.3)

    def paint(u: Grid, y: Grid, px: Grid) -> Grid:
        t = (y - v) / height
        garden = t < line + fractal(u, y, 0.5, seed) * 0.06
        return np.where(garden[..., None], np.asarray(ground, np.float32), mix(low, high, t * 1.1))

    return paint


def curtains(
    canvas: Canvas, plane: Plane, u: tuple[float, float], v: tuple[float, float], look: str
) -> None:
    """A pair of curtains on a rail, from v[0] up to v[1], over a window that spans ``u``."""
    thing, paint = canvas.thing("curtain", look), _cloth(canvas.rng, look)
    sheer = look == "sheer curtain"
    (bottom, top), width = v, u[1] - u[0]
    share = canvas.between(0.32, 0.42) + (0.1 if sheer else 0)
    sides = ((u[0] - 0.28, u[0] + width * share, -0.05), (u[1] - width * share, u[1] + 0.28, 0.05))
    for left, right, flare in sides:
        sheet = [(left + flare, bottom), (right + flare, bottom), (right, top), (left, top)]
        folds = pleated(int(canvas.rng.integers(4, 7)), canvas.between(0, 1))
        canvas.fill(thing, plane, [sheet], paint, folds, 0.86 if sheer else 1.0)
    rail = bar((u[0] - 0.36, top + 0.02), (u[1] + 0.36, top + 0.02), 0.07)
    canvas.fill(thing, plane, [rail], (110, 78, 48))


def _cloth(rng: np.random.Generator, look: str) -> Paint:
    if look == "striped curtain":
        return stripes(rng, CREAM, pick(rng, _STRIPES), 0.09)
    if look == "sheer curtain":
        return plain(rng, (244, 244, 240), 2)
    if look == "velvet drape":
        return plain(rng, (124, 26, 44), 5, 0.15)
    return motifs(rng, (224, 206, 168), pick(rng, _PRINTS), 0.2)


def door(canvas: Canvas, plane: Plane, u: float, look: str) -> None:
    """A door on the floor line with its lower left corner at (u, 0)."""
    rng, thing = canvas.rng, canvas.thing("door", look)
    leaves = 2 if look == "double door" else 1
    width, height = (1.5 if leaves == 2 else 0.92), 2.05
    frame = rect(u - 0.08, 0, u + width + 0.08, height + 0.08)
    canvas.fill(thing, plane, [frame], plain(rng, (236, 230, 220), 3))
    wood = pick(rng, _FLUSH_DOORS if look == "flush door" else _DOORS)
    canvas.fill(thing, plane, [rect(u, 0, u + width, height)], plain(rng, wood, 5, 0.4))
    for k in range(leaves):
        left, right = u + k * width / leaves, u + (k + 1) * width / leaves
        _leaf(canvas, thing, plane, (left, 0, right - left, height), wood, look)
        knob = right - 0.09 if k == 0 else left + 0.09
        canvas.fill(thing, plane, [disc(knob, 1.0, 0.04)], (222, 186, 96))


def _leaf(canvas: Canvas, thing: int, plane: Plane, place: Box, wood: Colour, look: str) -> None:
    """One leaf of a door: its panels or panes."""
    left, _, width, height = place
    right, dark = left + width, darker(wood, 0.62)
    canvas.fill(thing, plane, [rect(left + 0.01, 0, left + 0.03, height)], dark)
    if look == "glass door":
        rows = (0.22, 0.82, 1.42)
        panes = [rect(left + 0.12, low, right - 0.12, low + 0.52) for low in rows]
        canvas.fill(thing, plane, panes, (176, 212, 222), upward(0.85, 1.1))
    elif look != "flush door":
        for low, high in ((0.2, 0.92), (1.08, height - 0.18)):
            panel = rect(left + 0.17, low + 0.04, right - 0.17, high - 0.04)
            canvas.fill(thing, plane, [rect(left + 0.13, low, right - 0.13, high)], dark)
            canvas.fill(thing, plane, [panel], wood, upward(0.9, 1.08))


def mirror(canvas: Canvas, plane: Plane, place: Box, look: str) -> None:
    """A mirror in a frame."""
    u, v, width, height = place
    thing = canvas.thing("mirror", look)
    shape = {"round mirror": _oval, "arched mirror": arch}.get(look, rect)
    frame, glass = pick(canvas.rng, _FRAMES), vary(canvas.rng, (170, 190, 202), 6)
    inner = shape(u + 0.06, v + 0.06, u + width - 0.06, v + height - 0.06)
    canvas.fill(thing, plane, [shape(u, v, u + width, v + height)], frame, upward(0.85, 1.1))
    canvas.fill(thing, plane, [inner], glass, upward(0.88, 1.2))
    _glints(canvas, thing, plane, place, ((0.16, 0.1), (0.36, 0.05)), 0.6)


def _oval(u0: float, v0: float, u1: float, v1: float) -> Points:
    return disc((u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2, (v1 - v0) / 2, 36)


def _glints(
    canvas: Canvas,
    thing: int,
    plane: Plane,
    place: Box,
    strips: tuple[tuple[float, float], ...],
    opacity: float,
) -> None:
    """Slanting reflections: (offset, width) of each as shares of the width."""
    u, v, width, height = place
    low, high, lean = v + height * 0.2, v + height * 0.8, width * 0.36
    for offset, share in strips:
        a, b = u + width * offset, u + width * (offset + share)
        strip = [(a, low), (b, low), (b + lean, high), (a + lean, high)]
        canvas.fill(thing, plane, [strip], (246, 251, 253), None, opacity)


def painting(canvas: Canvas, plane: Plane, place: Box, look: str) -> None:
    """A framed picture."""
    u, v, width, height = place
    thing = canvas.thing("painting", look)
    outer = rect(u, v, u + width, v + height)
    canvas.fill(thing, plane, [outer], pick(canvas.rng, _FRAMES[:2]), upward(0.85, 1.12))
    left, low, wide, tall = u + 0.07, v + 0.07, width - 0.14, height - 0.14

    def put(outline: Points, colour: Colour) -> None:
        placed = [(left + s * wide, low + t * tall) for s, t in outline]
        canvas.fill(thing, plane, [placed], colour)

    _PICTURES[look](canvas.rng, put)


Put = Callable[[Points, Colour], None]  # an outline in 0..1 across the picture, and its colour


def _landscape(rng: np.random.Generator, put: Put) -> None:
    peaks = [(0, 0.35), (0.3, 0.78), (0.5, 0.5), (0.75, 0.85), (1, 0.4), (1, 0), (0, 0)]
    put(rect(0, 0, 1, 1), (158, 198, 230))
    put(peaks, (110, 124, 150))
    put([(0, 0), (0, 0.42), (0.4, 0.32), (1, 0.46), (1, 0)], (96, 146, 74))
    put(disc(rng.uniform(0.2, 0.8), 0.8, 0.07, 0.1), (252, 226, 130))
    put([(0.4, 0), (0.6, 0), (0.52, 0.34), (0.49, 0.34)], (214, 194, 140))


def _abstract(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), (240, 232, 214))
    for colour in _STRONG:
        s, t = rng.uniform(0, 0.55, 2)
        put(rect(s, t, s + rng.uniform(0.2, 0.45), t + rng.uniform(0.2, 0.45)), colour)
    put(disc(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), 0.16, 0.2), pick(rng, _STRONG))


def _portrait(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), vary(rng, (76, 58, 46), 8))
    coat = pick(rng, ((120, 34, 40), (36, 52, 92)))
    put([(0.08, 0), (0.92, 0), (0.72, 0.36), (0.28, 0.36)], coat)
    put(disc(0.5, 0.62, 0.25, 0.27), (64, 42, 30))
    put(disc(0.5, 0.56, 0.19, 0.23), (228, 184, 150))
    put(rect(0.43, 0.28, 0.57, 0.4), (216, 170, 138))


def _still_life(rng: np.random.Generator, put: Put) -> None:
    fruit: tuple[Colour, ...] = ((214, 68, 48), (236, 168, 48), (140, 168, 62))
    vase = pick(rng, ((72, 104, 142), (92, 128, 96)))
    put(rect(0, 0, 1, 1), (150, 136, 108))
    put(rect(0, 0, 1, 0.34), (112, 72, 44))
    put(disc(0.3, 0.5, 0.14, 0.26), vase)
    put(rect(0.24, 0.7, 0.36, 0.86), vase)
    for s, colour in zip((0.52, 0.68, 0.84), fruit, strict=True):
        put(disc(s, 0.34, 0.1, 0.13), colour)


_PICTURES: dict[str, Callable[[np.random.Generator, Put], None]] = {
    "landscape painting": _landscape,
    "abstract painting": _abstract,
    "portrait painting": _portrait,
    "still life": _still_life,
}
