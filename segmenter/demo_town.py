"""Streets of the demo renderer: buildings, houses, roads, cars, people, fences, benches, boats.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the thing and its shadow on it.
"""

import numpy as np

from langseg.segmenter.demo_canvas import (
    F32,
    Canvas,
    Colour,
    Paint,
    Plane,
    level,
    sideways,
    upright,
)
from langseg.segmenter.demo_nature import FAR, NEAR
from langseg.segmenter.demo_shapes import (
    Points,
    arch,
    bar,
    blob,
    box,
    contact_shadow,
    disc,
    mirrored,
    moved,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_textures import (
    bricks,
    cobbles,
    courses,
    fractal,
    mix,
    pick,
    plain,
    planks,
    rounded,
    scaled,
    speckle,
    upward,
    vary,
)

Span = tuple[float, float]


def facade(rng: np.random.Generator, look: str) -> Paint:
    """A front with storeys of windows; u runs along the street, v up from the ground."""
    storey, bay = rng.uniform(2.9, 3.3), rng.uniform(1.9, 2.4)
    pane: Colour = (74, 92, 114) if rng.random() < 0.6 else (104, 124, 142)
    if look == "glass office block":
        glass = courses(
            rng, (112, 160, 190), (206, 218, 226), length=1.3, height=1.6, gap=0.14, variety=22
        )
        seed = int(rng.integers(99))
        return lambda u, v, px: glass(u, v, px) + (fractal(u, v, 9, seed) * 16)[..., None]
    wall: Paint = plain(rng, (184, 180, 172), 6, 2.0)
    if look == "brick building":
        wall = bricks(rng, (156, 80, 62), 2.2)
    elif look == "stone building":
        wall = courses(
            rng, (204, 184, 146), (158, 138, 106), length=1.2, height=0.6, gap=0.05, stagger=0.5
        )
    trim: Colour = (236, 228, 212) if look != "concrete apartment block" else (140, 140, 138)
    wide = 0.3 if look != "concrete apartment block" else 0.36

    def paint(u: F32, v: F32, px: F32) -> F32:
        rgb = wall(u, v, px)
        s, t = u / bay - np.floor(u / bay), v / storey - np.floor(v / storey)
        above = v > storey * 1.02
        frame = _inside(s, t, wide + 0.06, 0.2, 0.84) * above
        opening = _inside(s, t, wide, 0.24, 0.8) * above
        rgb = rgb + (np.asarray(trim, np.float32) - rgb) * frame[..., None]
        sheen = mix(pane, (176, 202, 220), (t - 0.24) * 1.1 + 0 * s)
        rgb = rgb + (sheen - rgb) * opening[..., None]
        if look == "concrete apartment block":
            slab = _inside(s, t, 0.46, 0.14, 0.36) * above
            rgb = rgb + (np.asarray((214, 212, 206), np.float32) - rgb) * slab[..., None]
        return rgb

    return paint


def _inside(s: F32, t: F32, half: float, low: float, high: float) -> F32:
    inside = (np.abs(s - 0.5) < half) & (t > low) & (t < high)
    return np.asarray(inside, np.float32)


def building(canvas: Canvas, x: Span, height: float, z: Span, look: str) -> None:
    """A block with its front at Z = z[0] and, where seen, a side along the street."""
    rng = canvas.rng
    thing = canvas.thing("building", look)
    paint = facade(rng, look)
    (x0, x1), (near, far) = x, z
    for edge, seen, lit in ((x0, x0 > 0, 0.78), (x1, x1 < 0, 0.9)):
        if seen:
            canvas.fill(thing, sideways(edge), [rect(near, 0, far, height)], paint, scaled(lit))
            _shop(canvas, thing, sideways(edge), (near, far), look)
    front = upright(0, 0, near)
    canvas.fill(thing, front, [rect(x0, 0, x1, height)], paint, upward(0.84, 1.06))
    _shop(canvas, thing, front, x, look)
    if look != "glass office block":
        ledge = rect(x0 - 0.15, height - 0.5, x1 + 0.15, height)
        canvas.fill(thing, front, [ledge], (120, 108, 98), upward(0.9, 1.2))


def _shop(canvas: Canvas, thing: int, plane: Plane, u: Span, look: str) -> None:
    """The ground floor: shop windows, an entrance and a painted band over them."""
    rng = canvas.rng
    band = pick(rng, ((56, 88, 76), (138, 52, 48), (52, 66, 104), (86, 80, 76)))
    count = max(1, int((u[1] - u[0]) / 3.2))
    wide = (u[1] - u[0]) / count
    for k in range(count):
        left = u[0] + k * wide
        pane = rect(left + 0.35, 0.4, left + wide - 0.35, 2.3)
        canvas.fill(thing, plane, [pane], (86, 104, 116), upward(0.8, 1.35))
        canvas.fill(thing, plane, [rect(left + 0.2, 2.4, left + wide - 0.2, 2.9)], band)


def house(canvas: Canvas, x: float, z: float, size: float, look: str) -> None:
    """A cottage ``size`` times 5 m wide with its front at (x, z)."""
    rng = canvas.rng
    thing = canvas.thing("house", look)
    plane = upright(x, 0, z)
    half, eaves, ridge = 2.6 * size, 2.5 * size, 4.6 * size
    contact_shadow(canvas, (x - half, x + half), (z - 0.6, z + 1), 0.35)
    wall: Paint = plain(rng, (240, 226, 204), 4, 1.0)
    if look == "timber house":
        wall = planks(rng, (140, 94, 56), 0.34)
        sided = wall
        wall = lambda u, v, px: sided(v, u, px)  # noqa: E731
    if look == "brick house":
        wall = bricks(rng, (166, 82, 62), 1.8)
    if look == "thatched house":
        wall = plain(rng, (246, 244, 238), 4, 1.0)
    chimney = rect(half * 0.45, eaves, half * 0.66, ridge * 1.05)
    canvas.fill(thing, plane, [chimney], bricks(rng, (146, 80, 62), 2.0))
    canvas.fill(thing, plane, [rect(-half, 0, half, eaves)], wall, upward(0.84, 1.04))
    _roof(canvas, thing, plane, half, eaves, ridge, look)
    frame: Colour = (248, 246, 240)
    for u in (-half * 0.62, half * 0.62):
        outer = rect(u - 0.52 * size, 0.95 * size, u + 0.52 * size, 1.95 * size)
        canvas.fill(thing, plane, [outer], frame)
        for du in (-0.23, 0.23):
            pane = rect(u + (du - 0.19) * size, 1.03 * size, u + (du + 0.19) * size, 1.87 * size)
            canvas.fill(thing, plane, [pane], (92, 118, 142), upward(0.85, 1.3))
    entrance = pick(rng, ((132, 44, 42), (48, 84, 108), (92, 60, 38)))
    shape = arch if look == "thatched house" else rect
    canvas.fill(thing, plane, [shape(-0.5 * size, 0, 0.5 * size, 2.05 * size)], frame)
    canvas.fill(thing, plane, [shape(-0.4 * size, 0, 0.4 * size, 1.95 * size)], entrance)


def _roof(
    canvas: Canvas, thing: int, plane: Plane, half: float, eaves: float, ridge: float, look: str
) -> None:
    rng = canvas.rng
    if look == "thatched house":
        straw = speckle(rng, (178, 142, 78), 34, 0.07, 10)
        outline = [(-half * 1.18, eaves * 0.84), (half * 1.18, eaves * 0.84), (half * 1.06, eaves * 1.2),
                   (half * 0.72, ridge * 0.98), (half * 0.4, ridge * 1.04), (-half * 0.4, ridge * 1.04),
                   (-half * 0.72, ridge * 0.98), (-half * 1.06, eaves * 1.2)]  # fmt: skip
        canvas.fill(thing, plane, [outline], straw, upward(0.74, 1.16))
        return
    colour = pick(rng, ((136, 62, 48), (92, 88, 92), (118, 74, 52)))
    roof = courses(rng, colour, (colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6), length=0.5, height=0.34,
                   gap=0.06, stagger=0.5)  # fmt: skip
    outline = [
        (-half * 1.12, eaves * 0.94),
        (half * 1.12, eaves * 0.94),
        (half * 0.8, ridge),
        (-half * 0.8, ridge),
    ]
    canvas.fill(thing, plane, [outline], roof, upward(0.82, 1.1))


def road_paint(rng: np.random.Generator, look: str) -> Paint:
    """The carriageway."""
    if look == "cobbled road":
        return cobbles(rng, (116, 112, 110), 0.42)
    if look == "gravel road":
        return speckle(rng, (192, 180, 160), 34, 0.09, 8)
    asphalt = speckle(rng, (86, 88, 92), 9, 0.08, 6)
    if look == "asphalt road":
        return asphalt
    seed = int(rng.integers(99))

    def wet(u: F32, v: F32, px: F32) -> F32:
        gloss = np.clip(fractal(u, v / 3, 2.2, seed) * 1.3 + 0.2, 0, 1)
        return asphalt(u, v, px) * np.float32(0.6) + mix((0, 0, 0), (104, 116, 132), gloss)

    return wet


def sidewalk_paint(rng: np.random.Generator, look: str) -> Paint:
    """The pavement."""
    if look == "brick sidewalk":
        return courses(
            rng, (178, 104, 84), (136, 84, 70), length=0.44, height=0.24, gap=0.03, stagger=0.5
        )
    if look == "cobbled sidewalk":
        return cobbles(rng, (170, 164, 156), 0.34)
    size = 0.9 if look == "slab sidewalk" else 2.4
    base: Colour = (178, 176, 172) if look == "slab sidewalk" else (202, 200, 194)
    return courses(rng, base, (128, 126, 124), length=size, height=size, gap=0.06, variety=8)


def lane_marks(canvas: Canvas, thing: int, across: bool, at: float, look: str) -> None:
    """Dashes down the middle of a made road; ``across`` where it runs left to right at Z = at."""
    if look not in ("asphalt road", "wet road"):
        return
    for k in range(-12, 14):
        dash = rect(k * 3.2, at - 0.09, k * 3.2 + 1.7, at + 0.09)
        if not across:
            dash = rect(at - 0.08, NEAR + k * 3.2, at + 0.08, NEAR + k * 3.2 + 1.7)
        if across or k >= 0:
            canvas.fill(thing, level(), [dash], (232, 230, 218))


def ground_band(canvas: Canvas, thing: int, paint: Paint, x: Span, z: Span) -> None:
    """A rectangle of ground; either span may reach to ``FAR``."""
    near, far = max(z[0], NEAR), min(z[1], FAR)
    canvas.fill(thing, level(), [rect(x[0], near, x[1], far)], paint)


_CAR_PAINTS: tuple[Colour, ...] = (
    (176, 38, 42), (42, 84, 150), (226, 228, 230), (48, 52, 58), (140, 148, 154), (58, 116, 92),
)  # fmt: skip
_PROFILES: dict[str, tuple[Points, Points]] = {  # body, glass; nose to the right, 4.4 m long
    "sedan": (
        [(-2.2, 0.35), (2.2, 0.35), (2.2, 0.75), (1.15, 0.9), (0.6, 1.42), (-0.85, 1.42),
         (-1.45, 0.96), (-2.2, 0.9)],
        [(0.98, 0.92), (0.52, 1.33), (-0.8, 1.33), (-1.24, 0.94)],
    ),
    "hatchback": (
        [(-1.75, 0.35), (1.95, 0.35), (1.95, 0.78), (1.1, 0.92), (0.6, 1.5), (-1.45, 1.5),
         (-1.75, 0.95)],
        [(0.94, 0.95), (0.52, 1.4), (-1.36, 1.4), (-1.55, 0.96)],
    ),
    "pickup": (
        [(-2.5, 0.45), (2.4, 0.45), (2.4, 0.95), (1.3, 1.05), (0.85, 1.7), (-0.5, 1.7), (-0.55, 1.08),
         (-2.5, 1.08)],
        [(1.12, 1.08), (0.76, 1.6), (-0.38, 1.6), (-0.4, 1.1)],
    ),
}  # fmt: skip


def car_side(canvas: Canvas, x: float, z: float, look: str, facing_right: bool) -> None:
    """A car seen from its side."""
    rng = canvas.rng
    thing = canvas.thing("car", look)
    body, glass = _PROFILES["sedan" if look == "taxi" else look]
    paint = (246, 196, 30) if look == "taxi" else pick(rng, _CAR_PAINTS)
    plane = upright(x, 0, z)
    turn = (lambda p: p) if facing_right else mirrored
    contact_shadow(canvas, (x - 2.2, x + 2.2), (z - 0.4, z + 0.5), 0.6)
    canvas.fill(thing, plane, [turn(body)], vary(rng, paint, 6), upward(0.72, 1.14))
    canvas.fill(thing, plane, [turn(glass)], (58, 72, 86), upward(0.85, 1.7))
    post = [rect(-0.2, 0.92, -0.1, 1.42)] if look != "pickup" else [rect(0.25, 1.05, 0.33, 1.62)]
    canvas.fill(thing, plane, [turn(p) for p in post], vary(rng, paint, 6))
    for u in (-1.35, 1.3):
        wheel = u if facing_right else -u
        canvas.fill(thing, plane, [disc(wheel, 0.36, 0.36)], (34, 34, 38))
        canvas.fill(thing, plane, [disc(wheel, 0.36, 0.18)], (174, 178, 182))
    if look == "taxi":
        canvas.fill(thing, plane, [rect(-0.32, 1.4, 0.28, 1.62)], (252, 250, 236))
        squares = [rect(-1.8 + 0.3 * k, 0.62, -1.65 + 0.3 * k, 0.76) for k in range(12)]
        canvas.fill(thing, plane, squares, (30, 30, 32))
    lights = [
        (turn(rect(2.05, 0.62, 2.2, 0.78)), (252, 240, 190)),
        (turn(rect(-2.2, 0.66, -2.1, 0.84)), (208, 40, 36)),
    ]
    for outline, colour in lights if look != "hatchback" else ():
        canvas.fill(thing, plane, [outline], colour)


def car_end(canvas: Canvas, x: float, z: float, look: str, coming: bool) -> None:
    """A car seen from its front (``coming``) or its rear."""
    rng = canvas.rng
    thing = canvas.thing("car", look)
    paint = vary(rng, (246, 196, 30) if look == "taxi" else pick(rng, _CAR_PAINTS), 6)
    tall = {"pickup": 1.75, "hatchback": 1.55}.get(look, 1.45)
    plane = upright(x, 0, z)
    contact_shadow(canvas, (x - 0.95, x + 0.95), (z - 0.3, z + 1.5), 0.6)
    wheels = [rect(-0.82, 0, -0.56, 0.5), rect(0.56, 0, 0.82, 0.5)]
    canvas.fill(thing, plane, wheels, (30, 30, 34))
    cabin = [(-0.8, 0.9), (0.8, 0.9), (0.62, tall), (-0.62, tall)]
    canvas.fill(thing, plane, [cabin], paint, upward(0.9, 1.1))
    glass = [(-0.68, 0.95), (0.68, 0.95), (0.54, tall - 0.1), (-0.54, tall - 0.1)]
    canvas.fill(thing, plane, [glass], (58, 72, 86), upward(0.85, 1.7))
    canvas.fill(thing, plane, [soft_rect(-0.88, 0.28, 0.88, 0.98, 0.14)], paint, upward(0.72, 1.1))
    lamp: Colour = (252, 242, 200) if coming else (206, 38, 34)
    canvas.fill(thing, plane, [rect(-0.8, 0.66, -0.5, 0.84), rect(0.5, 0.66, 0.8, 0.84)], lamp)
    canvas.fill(thing, plane, [rect(-0.26, 0.42, 0.26, 0.56)], (244, 240, 220))
    if look == "pickup" and not coming:
        canvas.fill(thing, plane, [rect(-0.84, 0.6, 0.84, 1.02)], paint, upward(0.66, 0.92))
    if look == "taxi":
        canvas.fill(thing, plane, [rect(-0.26, tall - 0.02, 0.26, tall + 0.18)], (252, 250, 236))
