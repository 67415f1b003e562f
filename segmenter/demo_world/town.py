"""Buildings, houses, roads and pavements of the demo renderer.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the thing on it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from langseg.segmenter.demo_world.canvas import (
    Canvas,
    Colour,
    Grid,
    Paint,
    Plane,
    level,
    sideways,
    upright,
)
from langseg.segmenter.demo_world.nature import FAR, NEAR
from langseg.segmenter.demo_world.noise import darker, fractal, mix, pick, scaled, upward
from langseg.segmenter.demo_world.shapes import Extent, Points, arch, contact_shadow, rect
from langseg.segmenter.demo_world.textures import (
    bricks,
    cobbles,
    courses,
    plain,
    planks,
    speckle,
    turned,
)

_PALE: Colour = (236, 228, 212)
_BALCONY: Colour = (214, 212, 206)
_AWNINGS: tuple[Colour, ...] = ((56, 88, 76), (138, 52, 48), (52, 66, 104), (86, 80, 76))
_ENTRANCES: tuple[Colour, ...] = ((132, 44, 42), (48, 84, 108), (92, 60, 38))
_ROOFS: tuple[Colour, ...] = ((136, 62, 48), (92, 88, 92), (118, 74, 52))
_HALF_THATCH: Points = [(1.18, 0.46), (1.06, 0.65), (0.72, 0.98), (0.4, 1.04)]


def building(canvas: Canvas, x: Extent, z: Extent, look: str, height: float) -> None:
    """A block with its front at Z = z[0] and, where seen, a side along the street."""
    thing, paint = canvas.thing("building", look), _facade(canvas.rng, look)
    (x0, x1), front = x, upright(0, 0, z[0])
    for edge, seen, lit in ((x0, x0 > 0, 0.78), (x1, x1 < 0, 0.9)):
        if seen:
            canvas.fill(thing, sideways(edge), [rect(z[0], 0, z[1], height)], paint, scaled(lit))
            _shops(canvas, thing, sideways(edge), z)
    canvas.fill(thing, front, [rect(x0, 0, x1, height)], paint, upward(0.84, 1.06))
    _shops(canvas, thing, front, x)
    if look != "glass office block":
        ledge = rect(x0 - 0.15, height - 0.5, x1 + 0.15, height)
        canvas.fill(thing, front, [ledge], (120, 108, 98), upward(0.9, 1.2))


def _facade(rng: np.random.Generator, look: str) -> Paint:
    """A front with storeys of windows; u runs along the street, v up from the ground."""
    if look == "glass office block":
        blue, bar, seed = (112, 160, 190), (206, 218, 226), int(rng.integers(99))
        glass = courses(rng, blue, bar, (1.3, 1.6), 0.14, variety=22)
        return lambda u, v, px: glass(u, v, px) + (fractal(u, v, 9, seed) * 16)[..., None]
    concrete = look == "concrete apartment block"
    wall = plain(rng, (184, 180, 172), 6, 2.0)
    if look == "brick building":
        wall = bricks(rng, (156, 80, 62), 2.2)
    if look == "stone building":
        wall = courses(rng, (204, 184, 146), (158, 138, 106), (1.2, 0.6), 0.05, stagger=0.5)
    storey, bay = rng.uniform(2.9, 3.3), rng.uniform(1.9, 2.4)
    pane = pick(rng, ((74, 92, 114), (104, 124, 142)))
    half, trim = (0.36, (140, 140, 138)) if concrete else (0.3, _PALE)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        s, t = u / bay - np.floor(u / bay), v / storey - np.floor(v / storey)
        middle = np.where(v > storey * 1.02, np.abs(s - 0.5), 1.0)  # no windows at street level
        rgb = _lay(wall(u, v, px), trim, middle, half + 0.06, (t > 0.2) & (t < 0.84))
        sheen = mix(pane, (176, 202, 220), (t - 0.24) * 1.1)
        rgb = _lay(rgb, sheen, middle, half, (t > 0.24) & (t < 0.8))
        return _lay(rgb, _BALCONY, middle, 0.46, (t > 0.14) & (t < 0.36)) if concrete else rgb

    return paint


def _lay(
    rgb: Grid, over: Grid | Colour, middle: Grid, half: float, rows: NDArray[np.bool_]
) -> Grid:
    """``over`` where a pixel is within ``half`` of the middle of a bay, in the rows told."""
    inside = (middle < half) & rows
    return np.where(inside[..., None], np.asarray(over, np.float32), rgb)


def _shops(canvas: Canvas, thing: int, plane: Plane, u: Extent) -> None:
    """The ground floor: shop windows under a painted band."""
    band = pick(canvas.rng, _AWNINGS)
    count = max(1, int((u[1] - u[0]) / 3.2))
    wide = (u[1] - u[0]) / count
    lefts = [u[0] + k * wide for k in range(count)]
    panes = [rect(left + 0.35, 0.4, left + wide - 0.35, 2.3) for left in lefts]
    bands = [rect(left + 0.2, 2.4, left + wide - 0.2, 2.9) for left in lefts]
    canvas.fill(thing, plane, panes, (86, 104, 116), upward(0.8, 1.35))
    canvas.fill(thing, plane, bands, band)


def house(canvas: Canvas, x: float, z: float, look: str, size: float) -> None:
    """A cottage ``size`` times 5 m wide with its front at (x, z)."""
    rng, thing, plane = canvas.rng, canvas.thing("house", look), upright(x, 0, z)
    half, eaves, ridge = 2.6 * size, 2.5 * size, 4.6 * size
    contact_shadow(canvas, (x - half, x + half), (z - 0.6, z + 1), 0.35)
    walls = {
        "timber house": turned(planks(rng, (140, 94, 56), 0.34)),
        "brick house": bricks(rng, (166, 82, 62), 1.8),
        "stucco house": plain(rng, (240, 226, 204), 4, 1.0),
        "thatched house": plain(rng, (246, 244, 238), 4, 1.0),
    }
    chimney = rect(half * 0.45, eaves, half * 0.66, ridge * 1.05)
    canvas.fill(thing, plane, [chimney], bricks(rng, (146, 80, 62), 2.0))
    canvas.fill(thing, plane, [rect(-half, 0, half, eaves)], walls[look], upward(0.84, 1.04))
    _roof(canvas, thing, plane, (half, eaves, ridge), look)
    _openings(canvas, thing, plane, size, arch if look == "thatched house" else rect)


def _roof(
    canvas: Canvas, thing: int, plane: Plane, measures: tuple[float, float, float], look: str
) -> None:
    """``measures``: half the width, height of the eaves, height of the ridge."""
    rng, (half, eaves, ridge) = canvas.rng, measures
    if look == "thatched house":
        side = [(u * half, v * ridge) for u, v in _HALF_THATCH]
        outline = [*side, *[(-u, v) for u, v in side[::-1]]]
        straw = speckle(rng, (178, 142, 78), 34, 0.07, 10)
        canvas.fill(thing, plane, [outline], straw, upward(0.74, 1.16))
        return
    colour, low, top = pick(rng, _ROOFS), half * 1.12, half * 0.8
    roof = courses(rng, colour, darker(colour, 0.6), (0.5, 0.34), 0.06, stagger=0.5)
    outline = [(-low, eaves * 0.94), (low, eaves * 0.94), (top, ridge), (-top, ridge)]
    canvas.fill(thing, plane, [outline], roof, upward(0.82, 1.1))


def _openings(
    canvas: Canvas, thing: int, plane: Plane, size: float, shape: Callable[..., Points]
) -> None:
    """Two windows and a door between them."""
    frame: Colour = (248, 246, 240)
    for u in (-1.61 * size, 1.61 * size):
        outer = rect(u - 0.52 * size, 0.95 * size, u + 0.52 * size, 1.95 * size)
        sides = [u - 0.23 * size, u + 0.23 * size]
        panes = [rect(s - 0.19 * size, 1.03 * size, s + 0.19 * size, 1.87 * size) for s in sides]
        canvas.fill(thing, plane, [outer], frame)
        canvas.fill(thing, plane, panes, (92, 118, 142), upward(0.85, 1.3))
    entrance = pick(canvas.rng, _ENTRANCES)
    canvas.fill(thing, plane, [shape(-0.5 * size, 0, 0.5 * size, 2.05 * size)], frame)
    canvas.fill(thing, plane, [shape(-0.4 * size, 0, 0.4 * size, 1.95 * size)], entrance)


def road(canvas: Canvas, look: str, across: bool, span: Extent) -> None:
    """A carriageway: ``across`` the view between Z = span[0] and span[1], or along it in X."""
    thing, paint = canvas.thing("road", look), _road_paint(canvas.rng, look)
    area = rect(-60, span[0], 60, span[1]) if across else rect(span[0], NEAR, span[1], FAR)
    canvas.fill(thing, level(), [area], paint)
    if look not in ("asphalt road", "wet road"):
        return
    middle, starts = (span[0] + span[1]) / 2, [NEAR + k * 3.2 for k in range(14)]
    dashes = [rect(middle - 0.08, z, middle + 0.08, z + 1.7) for z in starts]
    if across:
        lefts = [k * 3.2 for k in range(-12, 13)]
        dashes = [rect(u, middle - 0.09, u + 1.7, middle + 0.09) for u in lefts]
    canvas.fill(thing, level(), dashes, (232, 230, 218))


def _road_paint(rng: np.random.Generator, look: str) -> Paint:
    if look == "cobbled road":
        return cobbles(rng, (116, 112, 110), 0.42)
    if look == "gravel road":
        return speckle(rng, (192, 180, 160), 34, 0.09, 8)
    asphalt, seed = speckle(rng, (86, 88, 92), 9, 0.08, 6), int(rng.integers(99))
    if look == "asphalt road":
        return asphalt

    def wet(u: Grid, v: Grid, px: Grid) -> Grid:
        gloss = np.clip(fractal(u, v / 3, 2.2, seed) * 1.3 + 0.2, 0, 1)
        return asphalt(u, v, px) * np.float32(0.6) + mix((0, 0, 0), (104, 116, 132), gloss)

    return wet


def sidewalk(canvas: Canvas, look: str, far: float) -> None:
    """Pavement from the camera to Z = far; a road is painted over it."""
    rng = canvas.rng
    size, grey = (0.9, (178, 176, 172)) if look == "slab sidewalk" else (2.4, (202, 200, 194))
    paint = courses(rng, grey, (128, 126, 124), (size, size), 0.06, variety=8)
    if look == "brick sidewalk":
        paint = courses(rng, (178, 104, 84), (136, 84, 70), (0.44, 0.24), 0.03, stagger=0.5)
    if look == "cobbled sidewalk":
        paint = cobbles(rng, (170, 164, 156), 0.34)
    canvas.fill(canvas.thing("sidewalk", look), level(), [rect(-60, NEAR, 60, far)], paint)
