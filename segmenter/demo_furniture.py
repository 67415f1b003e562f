"""Furniture of the demo renderer: beds, sofas, tables, chairs, lamps, cabinets and plants.

In:  a canvas, a place on the floor in metres, and the look to draw.
Out: the same canvas with the piece and its shadow on it.
"""

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np

from langseg.segmenter.demo_canvas import F32, Canvas, Colour, Paint, Plane, level, upright
from langseg.segmenter.demo_shapes import (
    arch,
    bar,
    box,
    contact_shadow,
    disc,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_textures import (
    motifs,
    pick,
    plain,
    planks,
    rounded,
    scaled,
    stripes,
    turned,
    upward,
)

Span = tuple[float, float]
WOODS: tuple[Colour, ...] = ((150, 98, 56), (116, 72, 42), (184, 136, 86))


def bed(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A bed centred at X = x with its head against Z = depth, seen from its foot."""
    rng = canvas.rng
    thing = canvas.thing("bed", look)
    wide = {"single bed": 0.5, "bunk bed": 0.55}.get(look, 0.85)
    left, right, foot = x - wide, x + wide, depth - 2.0
    wood = plain(rng, pick(rng, WOODS), 7, 0.3)
    contact_shadow(canvas, (left, right), (foot, depth))
    if look == "bunk bed":
        for base in (0.25, 1.2):
            _mattress(canvas, thing, (left, right), base, (foot, depth), wood)
        for post in (left, right):
            canvas.fill(thing, upright(post, 0, foot), [rect(-0.06, 0, 0.06, 1.75)], wood)
        for rung in (0.55, 0.85, 1.15):
            canvas.fill(thing, upright(x, 0, foot), [rect(0.1, rung, wide, rung + 0.07)], wood)
        return
    head = rect(left - 0.05, 0, right + 0.05, 1.15)
    canvas.fill(thing, upright(0, 0, depth - 0.02), [head], wood, upward(0.8, 1.1))
    if look == "four-poster bed":
        _canopy(canvas, thing, left, right, (foot, depth), wood)
    _mattress(canvas, thing, (left, right), 0.22, (foot, depth), wood)
    if look == "four-poster bed":
        for post in (left, right):
            canvas.fill(thing, upright(post, 0, foot), [rect(-0.07, 0, 0.07, 2.05)], wood)
        canvas.fill(thing, upright(0, 0, foot), [rect(left, 1.9, right, 2.1)], wood)


def _mattress(
    canvas: Canvas, thing: int, x: Span, base: float, z: Span, wood: Paint | Colour
) -> None:
    """Frame, blanket and pillows; the blanket leaves the pillow end white."""
    rng = canvas.rng
    low, top = base + 0.1, base + 0.36
    (x0, x1), (foot, head) = x, z
    cloths: tuple[Callable[[], Paint], ...] = (
        lambda: plain(rng, pick(rng, ((70, 108, 168), (176, 62, 66), (92, 140, 110))), 6, 0.25),
        lambda: stripes(rng, (224, 214, 196), pick(rng, ((84, 124, 172), (190, 104, 92))), 0.12),
        lambda: motifs(rng, (206, 120, 110), (242, 222, 196), 0.3),
    )
    cloth = cloths[int(rng.integers(3))]()
    box(canvas, thing, x, (base, low), z, wood)
    box(canvas, thing, x, (low, top), z, plain(rng, (238, 234, 226), 3))
    box(canvas, thing, x, (low - 0.06, top + 0.03), (foot - 0.02, head - 0.62), cloth)
    pillows = 2 if x1 - x0 > 1.3 else 1
    for k in range(pillows):
        left = x0 + 0.08 + k * (x1 - x0) / pillows
        span = (left, left + (x1 - x0) / pillows - 0.16)
        pillow = soft_rect(span[0], top, span[1], top + 0.22, 0.09)
        canvas.fill(thing, upright(0, 0, head - 0.3), [pillow], (248, 246, 240), upward(0.82, 1.04))


def _canopy(
    canvas: Canvas, thing: int, left: float, right: float, z: Span, wood: Paint | Colour
) -> None:
    rng = canvas.rng
    drape = plain(rng, pick(rng, ((196, 60, 66), (228, 214, 190), (74, 92, 150))), 6, 0.1)
    for post in (left, right):
        canvas.fill(thing, upright(post, 0, z[1] - 0.05), [rect(-0.05, 0, 0.05, 2.05)], wood)
    canvas.fill(thing, upright(0, 0, z[1] - 0.03), [rect(left, 1.1, right, 2.05)], drape, upward(0.7, 0.9))
    canvas.fill(thing, level(2.08), [rect(left, z[0], right, z[1])], drape, scaled(0.7))


def sofa(canvas: Canvas, x: Span, depth: float, look: str) -> None:
    """A sofa with its back at Z = depth, facing the camera."""
    rng = canvas.rng
    thing = canvas.thing("sofa", look)
    paint: Paint
    if look == "leather sofa":
        paint = plain(rng, pick(rng, ((98, 56, 34), (64, 44, 36))), 9, 0.3)
    elif look == "striped sofa":
        paint = stripes(rng, (222, 210, 184), pick(rng, ((72, 104, 148), (156, 70, 64))), 0.1)
    else:
        paint = plain(rng, pick(rng, ((190, 184, 174), (206, 192, 166))), 7, 0.06)
    (x0, x1), z0 = x, depth - 0.85
    contact_shadow(canvas, x, (z0, depth))
    box(canvas, thing, x, (0.1, 0.86), (depth - 0.25, depth), paint, front_shade=upward(0.75, 1.05))
    box(canvas, thing, x, (0.1, 0.42), (z0, depth - 0.25), paint, front_shade=upward(0.72, 0.96))
    seats = 3 if x1 - x0 > 1.9 else 2
    for k in range(seats):
        left = x0 + 0.2 + k * (x1 - x0 - 0.4) / seats
        right = left + (x1 - x0 - 0.4) / seats
        back = soft_rect(left + 0.02, 0.42, right - 0.02, 0.82, 0.1)
        canvas.fill(thing, upright(0, 0, depth - 0.3), [back], paint, rounded(0.84, 1.12))
        seat = soft_rect(left + 0.01, 0.34, right - 0.01, 0.5, 0.06)
        canvas.fill(thing, upright(0, 0, z0), [seat], paint, upward(0.86, 1.14))
    for left in (x0, x1 - 0.2):
        box(canvas, thing, (left, left + 0.2), (0.06, 0.64), (z0 - 0.02, depth), paint)
    if look == "corner sofa":
        wing = (x0, x0 + 0.8) if x0 < -x1 else (x1 - 0.8, x1)
        box(canvas, thing, wing, (0.08, 0.46), (z0 - 0.8, z0), paint, front_shade=upward(0.8, 1.02))


def table(canvas: Canvas, x: float, z: float, width: float, height: float, look: str) -> None:
    """A table centred at (x, z)."""
    rng = canvas.rng
    thing = canvas.thing("table", look)
    wood = plain(rng, pick(rng, WOODS), 8, 0.25)
    half, deep = width / 2, width * 0.3
    contact_shadow(canvas, (x - half, x + half), (z - deep, z + deep), 0.4)
    if look == "round table":
        stem = [rect(-0.07, 0, 0.07, height), rect(-0.3, 0, 0.3, 0.07)]
        canvas.fill(thing, upright(x, 0, z), stem, wood, rounded())
        rim = disc(x, z, half, deep * 1.5, 36)
        canvas.fill(thing, level(height - 0.07), [rim], wood, scaled(0.66))
        canvas.fill(thing, level(height), [rim], wood, scaled(1.1))
        return
    span, reach = (x - half, x + half), (z - deep, z + deep)
    if look == "draped table":
        cloth = plain(rng, (240, 236, 228), 3)
        skirt = [(x - half - 0.04, 0.06), (x + half + 0.04, 0.06), (x + half, height), (x - half, height)]
        canvas.fill(thing, upright(0, 0, z - deep), [skirt], cloth, _pleats)
        canvas.fill(thing, level(height), [rect(span[0], reach[0], span[1], reach[1])], cloth, scaled(1.08))
        return
    glass = look == "glass-topped table"
    legs: Paint | Colour = (96, 100, 106) if glass else wood
    for back in (True, False):
        for left in (x - half + 0.03, x + half - 0.15):
            leg = rect(left, 0, left + 0.12, height)
            near = reach[1] - 0.1 if back else reach[0] + 0.02
            canvas.fill(thing, upright(0, 0, near), [leg], legs, scaled(0.7 if back else 0.95))
    top: Colour | Paint = (172, 214, 214) if glass else wood
    box(canvas, thing, span, (height - (0.06 if glass else 0.16), height), reach, top)


def _pleats(s: F32, t: F32) -> F32:
    wave = s * 9
    return (0.78 + 0.26 * np.abs(wave - np.floor(wave) - 0.5) * 2 + 0.06 * t).astype(np.float32)


def chair(canvas: Canvas, x: float, z: float, look: str, away: bool) -> None:
    """A chair at (x, z); ``away`` shows its back, otherwise it faces the camera."""
    rng = canvas.rng
    thing = canvas.thing("chair", look)
    half, deep, seat, top = 0.25, 0.42, 0.46, 1.02
    near, far = z, z + deep
    contact_shadow(canvas, (x - half, x + half), (near, far), 0.35)
    body: Paint = plain(rng, pick(rng, WOODS), 7, 0.2)
    if look == "upholstered chair":
        body = plain(rng, pick(rng, ((150, 56, 62), (64, 102, 126), (112, 122, 78))), 6, 0.15)
    if look == "plastic chair":
        body = plain(rng, pick(rng, ((238, 240, 240), (240, 140, 40), (206, 48, 44))), 3)
    legs = (70, 50, 38) if look == "upholstered chair" else body
    back_z = near if away else far

    def back() -> None:
        plane = upright(x, 0, back_z)
        if look == "ladder-back chair":
            posts = [rect(-half, seat, -half + 0.08, top), rect(half - 0.08, seat, half, top)]
            slats = [rect(-half, low, half, low + 0.12) for low in (0.55, 0.72, 0.89)]
            canvas.fill(thing, plane, posts + slats, body, upward(0.85, 1.08))
        else:
            panel = soft_rect(-half, seat - 0.02, half, top, 0.14)
            canvas.fill(thing, plane, [panel], body, rounded(0.8, 1.1))

    if not away:
        back()
    for left in (x - half, x + half - 0.08):
        for leg_z in (far, near):
            canvas.fill(thing, upright(0, 0, leg_z), [rect(left, 0, left + 0.08, seat)], legs, scaled(0.8))
    box(canvas, thing, (x - half, x + half), (seat - 0.1, seat), (near, far), body)
    if away:
        back()


def lamp(canvas: Canvas, x: float, z: float, base: float, look: str, lit: bool) -> None:
    """A lamp at (x, z): standing at height ``base``, or hanging down from it."""
    rng = canvas.rng
    thing = canvas.thing("lamp", look)
    plane = upright(x, base, z)
    shade: Colour = pick(rng, ((250, 226, 160), (244, 206, 136), (250, 236, 196)))
    metal: Colour = pick(rng, ((188, 150, 72), (70, 66, 66), (150, 92, 58)))
    if look == "hanging lamp":
        drop = rng.uniform(0.55, 0.75)
        canvas.fill(thing, plane, [bar((0, 0), (0, -drop), 0.05)], metal)
        dome = [(-0.34, -drop - 0.3), (0.34, -drop - 0.3), (0.15, -drop), (-0.15, -drop)]
        canvas.fill(thing, plane, [dome], metal, rounded())
        canvas.fill(thing, plane, [disc(0, -drop - 0.31, 0.3, 0.09)], shade)
        centre = -drop - 0.3
    else:
        tall = 1.25 if look == "floor lamp" else 0.24
        foot = [rect(-0.035, 0, 0.035, tall), soft_rect(-0.16, 0, 0.16, 0.06, 0.03)]
        if look == "table lamp":
            foot = [disc(0, 0.13, 0.12, 0.14)]
        canvas.fill(thing, plane, foot, metal, rounded())
        hood = [(-0.26, tall), (0.26, tall), (0.17, tall + 0.36), (-0.17, tall + 0.36)]
        canvas.fill(thing, plane, [hood], shade, rounded(0.86, 1.06))
        centre = tall + 0.2
    if lit:
        canvas.glow(plane, disc(0, centre, 1.2), (110, 84, 40), 0.9)


def painting(
    canvas: Canvas, plane: Plane, u: float, v: float, width: float, height: float, look: str
) -> None:
    """A framed picture with its lower left corner at (u, v)."""
    rng = canvas.rng
    thing = canvas.thing("painting", look)
    frame = pick(rng, ((178, 136, 60), (64, 46, 34), (116, 76, 44)))
    canvas.fill(thing, plane, [rect(u, v, u + width, v + height)], frame, upward(0.85, 1.12))
    left, low = u + 0.07, v + 0.07
    wide, tall = width - 0.14, height - 0.14

    def put(outline: list[tuple[float, float]], colour: Colour) -> None:
        placed = [(left + s * wide, low + t * tall) for s, t in outline]
        canvas.fill(thing, plane, [placed], colour)

    _PICTURES[look](rng, put)


Put = Callable[[list[tuple[float, float]], Colour], None]


def _landscape(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), (158, 198, 230))
    put([(0, 0.35), (0.3, 0.78), (0.5, 0.5), (0.75, 0.85), (1, 0.4), (1, 0), (0, 0)], (110, 124, 150))
    put([(0, 0), (0, 0.42), (0.4, 0.32), (1, 0.46), (1, 0)], (96, 146, 74))
    put(disc(rng.uniform(0.2, 0.8), 0.8, 0.07, 0.1), (252, 226, 130))
    put([(0.4, 0), (0.6, 0), (0.52, 0.34), (0.49, 0.34)], (214, 194, 140))


def _abstract(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), (240, 232, 214))
    colours: tuple[Colour, ...] = ((208, 52, 44), (38, 84, 168), (244, 196, 40), (32, 34, 40))
    for colour in colours:
        s, t = rng.uniform(0, 0.55, 2)
        put(rect(s, t, s + rng.uniform(0.2, 0.45), t + rng.uniform(0.2, 0.45)), colour)
    put(disc(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), 0.16, 0.2), pick(rng, colours))


def _portrait(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), pick(rng, ((70, 58, 50), (58, 70, 62), (76, 50, 46))))
    put([(0.08, 0), (0.92, 0), (0.72, 0.36), (0.28, 0.36)], pick(rng, ((120, 34, 40), (36, 52, 92))))
    put(disc(0.5, 0.62, 0.25, 0.27), (64, 42, 30))
    put(disc(0.5, 0.56, 0.19, 0.23), (228, 184, 150))
    put(rect(0.43, 0.28, 0.57, 0.4), (216, 170, 138))


def _still_life(rng: np.random.Generator, put: Put) -> None:
    put(rect(0, 0, 1, 1), (150, 136, 108))
    put(rect(0, 0, 1, 0.34), (112, 72, 44))
    put(disc(0.3, 0.5, 0.14, 0.26), (72, 104, 142))
    put(rect(0.24, 0.7, 0.36, 0.86), (72, 104, 142))
    for s, colour in ((0.52, (214, 68, 48)), (0.68, (236, 168, 48)), (0.84, (140, 168, 62))):
        put(disc(s, 0.34, 0.1, 0.13), colour)


_PICTURES: dict[str, Callable[[np.random.Generator, Put], None]] = {
    "landscape painting": _landscape,
    "abstract painting": _abstract,
    "portrait painting": _portrait,
    "still life": _still_life,
}
